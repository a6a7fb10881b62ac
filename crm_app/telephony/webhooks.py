"""Where the PBX posts: verify, read, store, answer. Nothing here waits for a network.

It is a plain desk that knows no Flask, because a caller hears silence while it works: what a page
needs (session, language, rights) is not even set up for it, see `door.py`.
"""

import hmac
import json

import structlog
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Request, Response

from crm_app import clock, database
from crm_app.calls.facts import Fact
from crm_app.calls.ledger import CallIsFullError
from crm_app.config import Config
from crm_app.contacts.caller import find_callers
from crm_app.database import DatabaseBusyError
from crm_app.proxies import plain_address
from crm_app.security.kinds import Kind
from crm_app.security.models import ADDRESS_LENGTH
from crm_app.security.trail import Sighting, Trail
from crm_app.security.visits import request_id_of
from crm_app.telephony import bodies, inbox, routing
from crm_app.telephony.connection import Link, LinkCache
from crm_app.telephony.facts import to_fact
from crm_app.telephony.telling import teller
from crm_app.telephony.together import Together, is_away
from crm_app.telephony.zadarma import events
from crm_app.telephony.zadarma.signing import (
    has_signature_rule,
    is_known_event,
    verify_webhook,
)
from crm_app.web import incoming

# Call events are under a kilobyte; lists of tracked visits may be longer.
MAX_BODY_BYTES = 1024 * 1024
MAX_ECHO_BYTES = 256
NOT_WHOLE = {408: "This took too long to arrive.\n", 413: "This is too long.\n"}
log = structlog.get_logger(__name__)


class Desk:
    """Takes what the PBX posts, for one application."""

    def __init__(self, config: Config, links: LinkCache, engine: Engine, trail: Trail) -> None:
        self._config = config
        self._links = links
        self._trail = trail
        self._together = Together(engine)

    def echo(self, query: bytes, token: str) -> Response:
        """Answer the PBX's check of the address: the text of `zd_echo`, byte for byte."""
        wanted = bodies.echo_of(query)
        if wanted is None:
            return _plain("The PBX posts its notifications here.\n")
        if len(wanted) > MAX_ECHO_BYTES:
            return _plain("This is too long to repeat.\n", 400)
        try:
            if not _is_right_tail(self._links.current(), token):
                return _plain("There is nothing here.\n", 404)
        except (SQLAlchemyError, DatabaseBusyError) as error:
            # The check of an address must not fail because a database is away for a moment.
            log.error("webhook address check without database", error=type(error).__name__)
        return _plain(wanted)

    def receive(self, request: Request, token: str) -> Response:
        """Take a notification; its fact is on disk before the answer leaves."""
        if not is_allowed_sender(request.remote_addr or "", self._config):
            return self._refuse(request, "sender")
        try:
            body = incoming.receive(request.environ, MAX_BODY_BYTES).read()
        except HTTPException as error:
            # Of a body that broke off nothing is believed: the signature covers no ending.
            log.warning("webhook did not arrive whole", status=error.code)
            code = error.code or 400
            return _plain(NOT_WHOLE.get(code, "This broke off before its end.\n"), code)
        # What served this thread before may have promised only to read.
        database.set_reads_only(False)
        try:
            return self._take(request, body, token)
        except Exception as error:
            log.exception("webhook could not be stored", error=type(error).__name__)
            return self._rescue(error, request, body, token)

    def _take(self, request: Request, body: bytes, token: str) -> Response:
        try:
            fields = bodies.fields_of(body, request.headers.get("Content-Type", ""))
            event = events.parse(fields)
        except (bodies.UnreadableBodyError, events.UnreadableEventError) as error:
            return self._keep(request, body, token, str(error))
        signature = request.headers.get("Signature")
        link = self._links.current()
        if not self._is_genuine(link, token, fields, event, signature):
            # Key, secret or tail may have been changed a moment ago.
            link = self._links.read()
            if not link.is_readable:
                return _unavailable("The stored keys cannot be read; see the log.\n")
            if not self._is_genuine(link, token, fields, event, signature):
                return self._refuse(request, "signature" if link.is_connected else "not connected")
        fact = to_fact(event, clock.now(), self._config.default_country)
        if fact is None:
            log.info("webhook acknowledged", event_name=_printable(event.name))
            return _empty()
        return self._store(fact, event, link, body)

    def _is_genuine(
        self,
        link: Link,
        token: str,
        fields: dict[str, str],
        event: events.Event,
        signature: str | None,
    ) -> bool:
        if not (link.is_connected and _is_right_tail(link, token)):
            return False
        if verify_webhook(fields, signature, link.secret):
            return True
        if not isinstance(event, events.OtherEvent):
            return False
        # These change nothing here. Some kinds are never signed, and how a future kind will be
        # signed nobody knows; refusing it for ever might make the PBX give the address up, so for
        # those the sender's network is enough.
        if not has_signature_rule(event.name):
            return True
        has_networks = self._config.webhook_allowed_networks is not None
        return has_networks and not is_known_event(event.name)

    def _store(self, fact: Fact, event: events.Event, link: Link, body: bytes) -> Response:
        wants_names = isinstance(event, events.CallStarted) and link.shows_caller_name

        def store(connection: Connection) -> tuple[inbox.Stored, list[str]]:
            stored = inbox.store(connection, fact, bodies.as_text(body[: inbox.MAX_KEPT_BYTES]))
            if not wants_names:
                return stored, []
            callers = stored.callers
            if callers is None:  # a start that comes late, or again
                callers = tuple(find_callers(connection, fact.caller))
            return stored, [caller.name for caller in callers]

        stored, names = self._together.run(fact.pbx_call_id, store)
        teller.later(stored.tell, {"call": stored.call_id})
        if stored.dialler_id is not None:
            teller.later([stored.dialler_id], {"dial": stored.dial_id})
        if isinstance(event, events.CallStarted):
            reply = routing.decide(fact.caller, names, routing.Switches(link.shows_caller_name))
            return _json(reply.to_json())
        return _json({}) if isinstance(event, events.MenuChoice) else _empty()

    def _rescue(self, error: Exception, request: Request, body: bytes, token: str) -> Response:
        """Keep what we stumble over; only a database that is away makes the PBX come again."""
        if not is_away(error):
            try:
                return self._keep(request, body, token, type(error).__name__)
            except (SQLAlchemyError, DatabaseBusyError) as second:
                log.error("webhook could not be kept", error=type(second).__name__)
        return _unavailable("The database is away; nothing was stored. Send it again.\n")

    def _refuse(self, request: Request, why: str) -> Response:
        self._trail.add(
            Sighting(
                Kind.WEBHOOK_REFUSED,
                address=(request.remote_addr or "")[:ADDRESS_LENGTH],
                request_id=request_id_of(request.environ),
                detail=why,
            )
        )
        return _plain("This is refused.\n", 403)

    def _keep(self, request: Request, body: bytes, token: str, reason: str) -> Response:
        link = self._links.current()
        if not (link.is_connected and _is_right_tail(link, token)):
            link = self._links.read()
            if not (link.is_connected and _is_right_tail(link, token)):
                return self._refuse(request, "tail" if link.is_connected else "not connected")
        content_type = request.headers.get("Content-Type", "")
        signature = request.headers.get("Signature")
        # What is too much will be too much for ever.
        may_be_taken_in = reason != CallIsFullError.__name__
        unread = inbox.Unread(
            sender=request.remote_addr or "",
            content_type=content_type,
            reason=reason,
            body=body,
            is_genuine=may_be_taken_in and _is_signed(body, content_type, signature, link),
        )
        kept = self._together.run("", lambda connection: inbox.keep(connection, unread))
        log.warning("webhook not understood, kept", unreadable_request=kept, reason=reason)
        return _empty()


def is_allowed_sender(address: str, settings: Config) -> bool:
    """Tell whether a client's address is in the networks that the PBX sends from."""
    networks = settings.webhook_allowed_networks
    if networks is None:
        return True
    sender = plain_address(address)
    return sender is not None and any(sender in network for network in networks)


def _is_signed(body: bytes, content_type: str, signature: str | None, link: Link) -> bool:
    try:
        return verify_webhook(bodies.fields_of(body, content_type), signature, link.secret)
    except bodies.UnreadableBodyError:
        return False


def _is_right_tail(link: Link, token: str) -> bool:
    return hmac.compare_digest(token.encode("utf-8", "replace"), link.token.encode())


def _printable(name: str) -> str:
    return "".join(sign if sign.isascii() and sign.isprintable() else "?" for sign in name[:40])


def _unavailable(text: str) -> Response:
    # Not 200: the PBX may send it again, and it must not believe that the fact is stored.
    answer = _plain(text, 503)
    answer.headers["Retry-After"] = "5"
    return answer


def _plain(text: str | bytes, status: int = 200) -> Response:
    answer = Response(text, status, content_type="text/plain; charset=utf-8")
    answer.headers["X-Content-Type-Options"] = "nosniff"
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _json(answer: dict[str, str | int]) -> Response:
    return Response(json.dumps(answer), content_type="application/json")


def _empty() -> Response:
    return Response(b"", content_type="text/plain; charset=utf-8")
