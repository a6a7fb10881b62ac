"""Where the PBX posts: verify, read, store, answer. Nothing here waits for a network."""

import hmac
import ipaddress

import structlog
from flask import Blueprint, Response, current_app, request
from sqlalchemy.exc import (
    DisconnectionError,
    InterfaceError,
    InternalError,
    OperationalError,
    SQLAlchemyError,
    TimeoutError,
)
from sqlalchemy.orm import Session

from crm_app import clock
from crm_app.calls.facts import Fact
from crm_app.config import Config
from crm_app.database import DatabaseBusyError
from crm_app.extensions import csrf, db
from crm_app.live.services import tell
from crm_app.telephony import bodies, inbox, routing
from crm_app.telephony.connection import Link, LinkCache
from crm_app.telephony.facts import to_fact
from crm_app.telephony.zadarma import events
from crm_app.telephony.zadarma.signing import (
    has_signature_rule,
    is_known_event,
    verify_webhook,
)
from crm_app.web.access import public

# Call events are under a kilobyte; lists of tracked visits may be longer.
MAX_BODY_BYTES = 1024 * 1024
MAX_ECHO_BYTES = 256
_DATABASE_IS_AWAY = (
    DatabaseBusyError,
    OperationalError,
    InterfaceError,
    InternalError,
    DisconnectionError,
    TimeoutError,
)
bp = Blueprint("zadarma", __name__)
csrf.exempt(bp)
log = structlog.get_logger(__name__)


@bp.get("/zadarma", strict_slashes=False)
@bp.get("/zadarma/<token>")
@public
def echo(token: str = "") -> Response:
    """Answer the PBX's check of the address: the text of `zd_echo`, byte for byte."""
    wanted = bodies.echo_of(request.query_string)
    if wanted is None:
        return _plain("The PBX posts its notifications here.\n")
    if len(wanted) > MAX_ECHO_BYTES:
        return _plain("This is too long to repeat.\n", 400)
    try:
        if not _is_right_tail(_links().current(), token):
            return _plain("There is nothing here.\n", 404)
    except (SQLAlchemyError, DatabaseBusyError) as error:
        # The check of an address must not fail because of a database that is away for a moment.
        log.error("webhook address check without database", error=type(error).__name__)
    return _plain(wanted)


@bp.post("/zadarma", strict_slashes=False)
@bp.post("/zadarma/<token>")
@public
def receive(token: str = "") -> Response:
    """Take a notification; its fact is on disk before the answer leaves."""
    settings: Config = current_app.extensions["settings"]
    if not is_allowed_sender(request.remote_addr or "", settings):
        return _refuse("sender")
    if (request.content_length or 0) > MAX_BODY_BYTES:
        return _plain("This is too long.\n", 413)
    body = request.stream.read(MAX_BODY_BYTES + 1)
    if len(body) > MAX_BODY_BYTES:
        return _plain("This is too long.\n", 413)
    try:
        return _take(body, token, settings)
    except Exception as error:
        log.exception("webhook could not be stored", error=type(error).__name__)
        return _rescue(error, body, token)


def is_allowed_sender(address: str, settings: Config) -> bool:
    """Tell whether a client's address is in the networks that the PBX sends from."""
    networks = settings.webhook_allowed_networks
    if networks is None:
        return True
    try:
        sender = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(sender, ipaddress.IPv6Address) and sender.ipv4_mapped:
        sender = sender.ipv4_mapped
    return any(sender in network for network in networks)


def _take(body: bytes, token: str, settings: Config) -> Response:
    try:
        fields = bodies.fields_of(body, request.headers.get("Content-Type", ""))
        event = events.parse(fields)
    except (bodies.UnreadableBodyError, events.UnreadableEventError) as error:
        return _keep(body, token, str(error))
    links = _links()
    link = links.current()
    if not _is_genuine(link, token, fields, event, settings):
        # Key, secret or tail may have been changed a moment ago.
        link = links.read()
        if not link.is_readable:
            return _unavailable("The stored keys cannot be read; see the log.\n")
        if not _is_genuine(link, token, fields, event, settings):
            return _refuse("signature" if link.is_connected else "not connected")
    fact = to_fact(event, clock.now(), settings.default_country)
    if fact is None:
        log.info("webhook acknowledged", event_name=_printable(event.name))
        return _empty()
    return _store(fact, event, link, body)


def _is_genuine(
    link: Link, token: str, fields: dict[str, str], event: events.Event, settings: Config
) -> bool:
    if not (link.is_connected and _is_right_tail(link, token)):
        return False
    if verify_webhook(fields, request.headers.get("Signature"), link.secret):
        return True
    if not isinstance(event, events.OtherEvent):
        return False
    # These change nothing here. Some kinds are never signed, and how a future kind will be signed
    # nobody knows; refusing it for ever might make the PBX give the address up, so for those the
    # sender's network is enough.
    if not has_signature_rule(event.name):
        return True
    return not is_known_event(event.name) and settings.webhook_allowed_networks is not None


def _store(fact: Fact, event: events.Event, link: Link, body: bytes) -> Response:
    names: list[str] = []
    with Session(db.engine) as session:
        stored = inbox.store(session, fact, _raw(body))
        if isinstance(event, events.CallStarted) and link.shows_caller_name:
            names = inbox.names_of(session, fact.caller)
        session.commit()
    tell(stored.tell, {"call": stored.call_id})
    if stored.dialler_id is not None:
        tell([stored.dialler_id], {"dial": stored.dial_id})
    if isinstance(event, events.CallStarted):
        reply = routing.decide(fact.caller, names, routing.Switches(link.shows_caller_name))
        return _json(reply.to_json())
    return _json({}) if isinstance(event, events.MenuChoice) else _empty()


def _rescue(error: Exception, body: bytes, token: str) -> Response:
    """Keep what we stumble over; only a database that is away makes the PBX come again."""
    if not isinstance(error, _DATABASE_IS_AWAY):
        try:
            return _keep(body, token, type(error).__name__)
        except (SQLAlchemyError, DatabaseBusyError) as second:
            log.error("webhook could not be kept", error=type(second).__name__)
    return _unavailable("The database is away; nothing was stored. Send it again.\n")


def _keep(body: bytes, token: str, reason: str) -> Response:
    links = _links()
    link = links.current()
    if not (link.is_connected and _is_right_tail(link, token)):
        link = links.read()
        if not (link.is_connected and _is_right_tail(link, token)):
            return _refuse("tail" if link.is_connected else "not connected")
    content_type = request.headers.get("Content-Type", "")
    with Session(db.engine) as session:
        sender = request.remote_addr or ""
        kept = inbox.keep_unreadable(session, sender, content_type, reason, body)
        session.commit()
    log.warning("webhook not understood, kept", unreadable_request=kept, reason=reason)
    return _empty()


def _is_right_tail(link: Link, token: str) -> bool:
    return hmac.compare_digest(token.encode("utf-8", "replace"), link.token.encode())


def _links() -> LinkCache:
    links: LinkCache = current_app.extensions["telephony_links"]
    return links


def _raw(body: bytes) -> str:
    # What a database cannot hold in a text is written out.
    return body[: inbox.MAX_KEPT_BYTES].decode("utf-8", "backslashreplace").replace("\0", "\\x00")


def _printable(name: str) -> str:
    return "".join(sign if sign.isascii() and sign.isprintable() else "?" for sign in name[:40])


def _refuse(why: str) -> Response:
    log.warning("webhook refused", why=why, sender=request.remote_addr)
    return _plain("This is refused.\n", 403)


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
    return Response(current_app.json.dumps(answer), content_type="application/json")


def _empty() -> Response:
    return Response(b"", content_type="text/plain; charset=utf-8")
