"""The webhook: verify, read, store, answer. Nothing here waits for a network.

It does not use Flask, because a caller hears silence while it works: what pages need (session,
language, rights) is not set up, see `middleware.py`.
"""

import http
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import structlog
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Request, Response

from crm_app import clock, database
from crm_app.calls import audience
from crm_app.calls.fold.facts import Fact, FactKind
from crm_app.calls.store.ledger import CallIsFullError
from crm_app.config import Config
from crm_app.database import DatabaseBusyError, is_away
from crm_app.deadline import within
from crm_app.live.screen_updates import screen_updates
from crm_app.recordings import transcripts
from crm_app.security.kinds import Kind
from crm_app.security.models import ADDRESS_LENGTH
from crm_app.security.refusals import RefusalWriter, Sighting
from crm_app.security.request_ids import request_id_of
from crm_app.telephony.connection import LinkCache
from crm_app.telephony.switches import Switches
from crm_app.telephony.webhook import bodies, inbox, text_messages
from crm_app.telephony.webhook.arrivals import Arrival
from crm_app.telephony.webhook.draining import Drainer
from crm_app.telephony.webhook.event_facts import to_fact
from crm_app.telephony.webhook.group_commit import GroupCommit
from crm_app.telephony.webhook.inbox import Stored
from crm_app.telephony.webhook.spool import Spool, SpoolError
from crm_app.telephony.webhook.verification import (
    SeenSignatures,
    genuine_event,
    has_token,
    is_allowed_sender,
    is_signed,
)
from crm_app.telephony.zadarma import events
from crm_app.telephony.zadarma.answers import CallReply
from crm_app.web.middleware import request_body

# Call events are under a kilobyte; lists of tracked visits may be longer.
MAX_BODY_BYTES = 1024 * 1024
MAX_ECHO_BYTES = 256
NOT_WHOLE = {408: "This took too long to arrive.\n", 413: "This is too long.\n"}
# How long a notification may wait for the database, and one from the spool.
PATIENCE_S = 0.15
LATE_PATIENCE_S = 5.0
log = structlog.get_logger(__name__)


_Outcome = TypeVar("_Outcome")


@dataclass(frozen=True, slots=True)
class _Job(Generic[_Outcome]):
    """The database work of a notification, and the answers for success and failure."""

    name: str
    do: Callable[[Connection], _Outcome]
    then: Callable[[_Outcome], Response]
    arrival: Arrival
    answer_unstored: Callable[[], Response]


class WebhookReceiver:
    """Receives what the PBX posts, for one application."""

    def __init__(
        self,
        config: Config,
        links: LinkCache,
        engine: Engine,
        refusals: RefusalWriter,
        late_engine: Engine | None = None,
    ) -> None:
        """Prepare; `late_engine` is for notifications from the spool, which may wait longer."""
        self._config = config
        self._links = links
        self._refusals = refusals
        self.spool = Spool(config.data_dir / "spool")
        self._group_commit = GroupCommit(engine, self.spool, inbox.do_all)
        self._late_group_commit = GroupCommit(late_engine or engine, do_all=inbox.do_all)
        self.drainer = Drainer(self.spool, self._take_in)
        self._seen = SeenSignatures()

    def echo(self, query: bytes, token: str) -> Response:
        """Answer the PBX's check of the address: the text of `zd_echo`, byte for byte."""
        wanted = bodies.echo_of(query)
        if wanted is None:
            return _plain("The PBX posts its notifications here.\n")
        if len(wanted) > MAX_ECHO_BYTES:
            return _plain("This is too long to repeat.\n", 400)
        try:
            with within(PATIENCE_S):
                if not has_token(self._links.current(), token):
                    return _plain("There is nothing here.\n", 404)
        except (SQLAlchemyError, DatabaseBusyError) as error:
            # The check of an address must not fail because a database is away for a moment.
            log.error("webhook address check without database", error=type(error).__name__)
        return _plain(wanted)

    def receive(self, request: Request, token: str) -> Response:
        """Receive a notification; its fact is on disk before the answer is sent."""
        sender, request_id = request.remote_addr or "", request_id_of(request.environ)
        if not is_allowed_sender(sender, self._config):
            return self._refuse(sender, request_id, "sender")
        try:
            body = request_body.receive(request.environ, MAX_BODY_BYTES).read()
        except HTTPException as error:
            # A truncated body is refused: the signature does not cover all fields.
            log.warning("webhook did not arrive whole", status=error.code)
            code = error.code or 400
            return _plain(NOT_WHOLE.get(code, "This broke off before its end.\n"), code)
        arrival = Arrival(
            received_at=clock.now(),
            sender=sender,
            token=token,
            content_type=request.headers.get("Content-Type", ""),
            signature=request.headers.get("Signature"),
            body=body,
            request_id=request_id,
        )
        # The thread's previous request may have set `reads_only`.
        database.set_reads_only(False)
        with within(PATIENCE_S):
            return self._take(arrival)

    def _take(self, arrival: Arrival) -> Response:
        """Store or spool the notification; the PBX must send it again only if both fail."""
        try:
            try:
                return self._perform(self._read(arrival))
            except Exception as error:
                if is_away(error):
                    raise
                return self._perform(self._stumble(error, arrival))
        except Exception as error:
            if is_away(error):
                # The keys cannot be read now: spool it, and verify later.
                return self._put_aside(arrival, error)
            log.exception("webhook could not be kept", error=type(error).__name__)
            return _unavailable("Nothing was stored. Send it again.\n")

    def _perform(self, job: "_Job[Any] | Response") -> Response:
        if isinstance(job, Response):
            return job
        outcome = self._group_commit.run(job.name, job.do, job.arrival)
        if outcome is None:
            self.drainer.wake()
            return job.answer_unstored()
        return job.then(outcome)

    def _put_aside(self, arrival: Arrival, why: Exception) -> Response:
        try:
            self.spool.append([arrival], type(why).__name__)
        except SpoolError as error:
            log.error("webhook could not be stored", reason=str(error), error=type(why).__name__)
            return _unavailable("The database is away; nothing was stored. Send it again.\n")
        self.drainer.wake()
        return _empty()

    def _take_in(self, arrivals: Sequence[Arrival]) -> None:
        """Store a spooled notification with its original time; raises what `is_away` recognises."""
        with within(LATE_PATIENCE_S):
            jobs = [job for arrival in arrivals if (job := self._late_job(arrival)) is not None]
            outcomes = self._late_group_commit.run_all([(job.name, job.do) for job in jobs])
            for job, outcome in zip(jobs, outcomes, strict=True):
                if isinstance(outcome, Exception):
                    self._keep_late(outcome, job.arrival)
                else:
                    job.then(outcome)

    def _keep_late(self, error: Exception, arrival: Arrival) -> None:
        keeping = self._stumble(error, arrival)
        if isinstance(keeping, Response):
            return
        try:
            self._late_group_commit.run(keeping.name, keeping.do)
        except Exception as second:
            if is_away(second):
                raise
            # Otherwise everything behind it would wait for ever.
            log.exception("spooled notification given up", received_at=str(arrival.received_at))

    def _late_job(self, arrival: Arrival) -> "_Job[Any] | None":
        try:
            job = self._read(arrival, is_late=True)
        except Exception as error:
            if is_away(error):
                raise
            job = self._stumble(error, arrival)
        if isinstance(job, _Job):
            return job
        if job.status_code == http.HTTPStatus.SERVICE_UNAVAILABLE:
            return self._keeping(arrival, "the stored keys cannot be read", is_genuine=False)
        # A refusal was logged, and nobody waits for the answer.
        return None

    def _read(self, arrival: Arrival, *, is_late: bool = False) -> "_Job[Any] | Response":
        """Parse and verify; returns the work to do, or the answer if there is none.

        Nobody waits for the answer to a late one.
        """
        try:
            fields = bodies.fields_of(arrival.body, arrival.content_type)
            event = events.parse(fields)
        except (bodies.UnreadableBodyError, events.UnreadableEventError) as error:
            return self._keep(arrival, str(error))
        link = self._links.current()
        genuine = genuine_event(self._config, link, arrival, fields, event)
        if genuine is None:
            # Key, secret or token may have been changed a moment ago.
            link = self._links.read()
            if not link.is_readable:
                return _unavailable("The stored keys cannot be read; see the log.\n")
            genuine = genuine_event(self._config, link, arrival, fields, event)
            if genuine is None:
                why = "signature" if link.is_connected else "not connected"
                return self._refuse(arrival.sender, arrival.request_id, why)
        fact = to_fact(genuine, arrival.received_at, self._config.default_country)
        if isinstance(genuine, events.MessageReceived):
            is_wanted = link.switches.is_on("sms")
            return self._store_message(genuine, arrival.verified(), is_wanted=is_wanted)
        if isinstance(genuine, events.SpeechRecognised) and link.switches.is_on("transcripts"):
            return self._note_speech(genuine, arrival.verified())
        if fact is None:
            log.info("webhook acknowledged", event_name=_printable(genuine.name))
            return _empty()
        is_first_look = not arrival.is_verified
        if is_first_look and self._seen.is_of_another_call(
            arrival.signature or "", fact.pbx_call_id
        ):
            log.warning("signature came before with another call", sender=arrival.sender)
        switches = None if is_late else link.switches
        return self._store(fact, arrival.verified(), switches)

    def _store(self, fact: Fact, arrival: Arrival, switches: Switches | None) -> "_Job[Stored]":
        raw = bodies.as_text(arrival.body[: inbox.MAX_KEPT_BYTES])
        store = inbox.FactToStore(fact, raw, switches, self._config.default_timezone)

        def then(stored: Stored) -> Response:
            for users, message in audience.messages(stored):
                screen_updates.enqueue(users, message)
            if stored.dialler_id is not None:
                screen_updates.enqueue([stored.dialler_id], {"dial": stored.dial_id})
            return _answer(fact, stored.reply)

        return _Job(fact.pbx_call_id, store, then, arrival, lambda: _answer(fact, None))

    def _store_message(
        self, event: events.MessageReceived, arrival: Arrival, *, is_wanted: bool
    ) -> "_Job[bool]":
        country = self._config.default_country

        def store(connection: Connection) -> bool:
            raw = bodies.as_text(arrival.body)
            text_messages.store(
                connection, event, arrival.received_at, raw, country, is_wanted=is_wanted
            )
            return True

        return _Job("", store, lambda _stored: _empty(), arrival, _empty)

    def _note_speech(self, event: events.SpeechRecognised, arrival: Arrival) -> "_Job[bool]":
        def note(connection: Connection) -> bool:
            transcripts.note_recognised(connection, event.pbx_call_id, event.recording_id)
            return True

        return _Job("", note, lambda _noted: _empty(), arrival, _empty)

    def _refuse(self, sender: str, request_id: str, why: str) -> Response:
        self._refusals.add(
            Sighting(
                Kind.WEBHOOK_REFUSED,
                address=sender[:ADDRESS_LENGTH],
                request_id=request_id,
                detail=why,
            )
        )
        return _plain("This is refused.\n", 403)

    def _stumble(self, error: Exception, arrival: Arrival) -> "_Job[int] | Response":
        """Quarantine what a bug kept from being stored; it is retried after the fix."""
        log.error("webhook could not be stored", exc_info=error)
        return self._keep(arrival, type(error).__name__)

    def _keep(self, arrival: Arrival, reason: str) -> "_Job[int] | Response":
        link = self._links.current()
        if not (arrival.is_verified or (link.is_connected and has_token(link, arrival.token))):
            link = self._links.read()
            if not (link.is_connected and has_token(link, arrival.token)):
                why = "token" if link.is_connected else "not connected"
                return self._refuse(arrival.sender, arrival.request_id, why)
        # A call that is full stays full.
        may_be_taken_in = reason != CallIsFullError.__name__
        is_genuine = may_be_taken_in and (arrival.is_verified or is_signed(arrival, link))
        return self._keeping(arrival, reason, is_genuine=is_genuine)

    def _keeping(self, arrival: Arrival, reason: str, *, is_genuine: bool) -> "_Job[int]":
        unread = inbox.Unread(
            sender=arrival.sender,
            content_type=arrival.content_type,
            reason=reason,
            body=arrival.body,
            is_genuine=is_genuine,
            received_at=arrival.received_at,
        )

        def keep(connection: Connection) -> int:
            return inbox.keep(connection, unread, may_be_known=self.spool.is_in_use())

        def note(kept: int) -> Response:
            log.warning("webhook not understood, kept", unreadable_request=kept, reason=reason)
            return _empty()

        return _Job("", keep, note, arrival, _empty)


def _printable(name: str) -> str:
    return "".join(sign if sign.isascii() and sign.isprintable() else "?" for sign in name[:40])


def _unavailable(text: str) -> Response:
    # Not 200: the fact is not stored, and the PBX may send it again.
    answer = _plain(text, 503)
    answer.headers["Retry-After"] = "5"
    return answer


def _plain(text: str | bytes, status: int = 200) -> Response:
    answer = Response(text, status, content_type="text/plain; charset=utf-8")
    answer.headers["X-Content-Type-Options"] = "nosniff"
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _answer(fact: Fact, reply: CallReply | None) -> Response:
    """Answer with JSON if the reply routes the call, else with an empty body."""
    if fact.kind is FactKind.STARTED:
        return _json((reply or CallReply()).to_json())
    return _json({}) if fact.kind is FactKind.MENU else _empty()


def _json(answer: dict[str, str | int]) -> Response:
    return Response(json.dumps(answer), content_type="application/json")


def _empty() -> Response:
    return Response(b"", content_type="text/plain; charset=utf-8")
