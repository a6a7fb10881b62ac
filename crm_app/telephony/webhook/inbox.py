"""What the PBX posted goes on disk: facts into the ledger, clicks matched, the unreadable kept."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog
from sqlalchemy import Connection, bindparam, delete, insert, or_, select, text, update

from crm_app import clock
from crm_app.calls.fold.facts import CallPhase, Fact, FactKind
from crm_app.calls.store import ledger
from crm_app.contacts.numbers.caller import Caller
from crm_app.database import UtcDateTime
from crm_app.telephony.dialling import matching
from crm_app.telephony.dialling.matching import Candidate, Match
from crm_app.telephony.dialling.models import MATCHABLE_STATES, DialRequest, DialState
from crm_app.telephony.models import UnreadableRequest

MAX_KEPT_REQUESTS = 1_000
MAX_KEPT_GENUINE = 10_000
MAX_KEPT_BYTES = 16_384
# The signature has no time, so an old request can be sent again; the account's clock may also
# differ from ours by up to 14 hours.
_FRESH_FOR = timedelta(days=1)
_EXACT_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}")
log = structlog.get_logger(__name__)

_MATCHABLE = DialRequest.state.in_([state.value for state in MATCHABLE_STATES])
_IS_RECENT = DialRequest.created_at > bindparam("since", type_=UtcDateTime())
_CANDIDATES = select(
    DialRequest.id,
    DialRequest.user_id,
    DialRequest.extension,
    DialRequest.number,
    DialRequest.created_at,
    DialRequest.contact_id,
    DialRequest.lead_id,
    DialRequest.pbx_call_id,
    _MATCHABLE,
).where(or_(_MATCHABLE & _IS_RECENT, DialRequest.pbx_call_id == bindparam("pbx_call_id")))
_SETTLE = update(DialRequest).where(DialRequest.id == bindparam("request_id"), _MATCHABLE)
_WHOM = "CASE WHEN contact_is_chosen THEN contact_id ELSE COALESCE(:contact_id, contact_id) END"
_ATTACH = text(
    "UPDATE call SET lead_id = COALESCE(lead_id, :lead_id),"  # noqa: S608 (our own words)
    f" contact_id = {_WHOM},"
    f" responsible_id = (SELECT responsible_id FROM contact WHERE contact.id = {_WHOM}),"
    " contact_is_chosen = (contact_is_chosen OR :is_chosen) WHERE id = :call_id"
)


@dataclass(frozen=True, slots=True)
class Stored:
    """What came of a fact: the call, whom to tell of it, and the click that it belongs to.

    `callers` are the contacts who have the number, None when the fact gave no reason to look.
    """

    call_id: int
    tell: frozenset[int]
    callers: tuple[Caller, ...] | None
    dial_id: int | None = None
    dialler_id: int | None = None


@dataclass(frozen=True, slots=True)
class Unread:
    """A request that could not be understood or stored; a genuine one is rightly signed."""

    sender: str
    content_type: str
    reason: str
    body: bytes
    is_genuine: bool
    received_at: datetime


def store(connection: Connection, fact: Fact, raw: str) -> Stored:
    """Store a fact with everything that follows from it; the caller commits, then tells."""
    recorded = ledger.record(connection, fact, raw)
    callers = recorded.callers
    if not is_fresh(fact):
        return Stored(recorded.call_id, _silence(connection, fact, recorded), callers)
    if not (recorded.is_new and matching.may_match(fact)):
        return Stored(recorded.call_id, recorded.tell, callers)
    colleagues = {leg.extension for leg in recorded.state.legs if not leg.transferred_from}
    found = matching.match(fact, _candidates(connection, fact), colleagues - {fact.caller})
    if found is None:
        return Stored(recorded.call_id, recorded.tell, callers)
    tell = recorded.tell
    if found.kind == "call":
        tell |= _connect(connection, fact, found.request)
    else:
        _note_own_leg(connection, fact, found)
    return Stored(recorded.call_id, tell, callers, found.request.id, found.request.user_id)


def is_fresh(fact: Fact) -> bool:
    """Tell whether a fact is of a call that began within a day of now, by the PBX's own words."""
    if fact.kind is FactKind.RECORDED:
        # It has no time, and rings nobody.
        return True
    # The signature covers the line and the time without anything between them: digits that were
    # moved from one into the other must not make an old call a new one.
    if not _EXACT_TIME.fullmatch(fact.pbx_time):
        return False
    try:
        began = datetime.strptime(fact.pbx_time, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    except ValueError:
        return False
    return abs(fact.received_at - began) <= _FRESH_FOR


def keep(connection: Connection, unread: Unread, *, may_be_known: bool = False) -> int:
    """Keep a request that came to nothing, and give its number; only the newest ones stay.

    What anybody may have sent does not push out what only the PBX can have sent.
    """
    row = {
        "received_at": unread.received_at,
        "sender": unread.sender[:45],
        "content_type": unread.content_type.encode("ascii", "replace")
        .decode()[:200]
        .replace("\0", ""),
        "reason": unread.reason[:80],
        "is_genuine": unread.is_genuine,
        "body": unread.body[:MAX_KEPT_BYTES],
    }
    if may_be_known:
        same = select(UnreadableRequest.id).where(
            UnreadableRequest.received_at == row["received_at"],
            UnreadableRequest.body == row["body"],
        )
        known: int | None = connection.scalar(same)
        if known is not None:
            return known
    statement = insert(UnreadableRequest).returning(UnreadableRequest.id)
    kept: int = connection.execute(statement, row).scalar_one()
    if unread.is_genuine:
        genuine = select(UnreadableRequest.id).where(UnreadableRequest.is_genuine)
        newest = genuine.order_by(UnreadableRequest.id.desc())
        edge = newest.offset(MAX_KEPT_GENUINE).limit(1).scalar_subquery()
        is_too_old = UnreadableRequest.is_genuine & (UnreadableRequest.id <= edge)
    else:
        is_old = UnreadableRequest.id <= kept - MAX_KEPT_REQUESTS
        is_too_old = ~UnreadableRequest.is_genuine & is_old
    connection.execute(delete(UnreadableRequest).where(is_too_old))
    return kept


def _silence(connection: Connection, fact: Fact, recorded: ledger.Recorded) -> frozenset[int]:
    """Keep a call of long ago from ringing now, by the same fact that ends forgotten calls."""
    if recorded.state.phase is CallPhase.ENDED:
        return recorded.tell
    log.warning("webhook tells of a call of another day", event_kind=fact.kind)
    # Each stale fact needs a closing of its own, because a word after a sweep revives the call.
    ending = Fact(
        kind=FactKind.SWEPT,
        pbx_call_id=fact.pbx_call_id,
        received_at=fact.received_at,
        disposition_raw=f"of another day: {fact.content_key()[:16]}",
    )
    ledger.record(connection, ending, "")
    return frozenset()


def _candidates(connection: Connection, fact: Fact) -> list[Candidate]:
    """Read the clicks that a call may come of, and the one that this call has come of already."""
    known = {"since": fact.received_at - matching.BELONGS_FOR, "pbx_call_id": fact.pbx_call_id}
    return [Candidate(*row) for row in connection.execute(_CANDIDATES, known)]


def _connect(connection: Connection, fact: Fact, request: Candidate) -> frozenset[int]:
    now = clock.now()
    settled = connection.execute(
        _SETTLE.values(
            state=DialState.CONNECTED.value,
            error_code="",
            pbx_call_id=fact.pbx_call_id,
            settled_at=now,
        ),
        {"request_id": request.id},
    )
    if not settled.rowcount:
        return frozenset()
    dialled = Fact(
        kind=FactKind.DIALLED,
        pbx_call_id=fact.pbx_call_id,
        received_at=now,
        called=request.number,
        extension=request.extension,
    )
    recorded = ledger.record(connection, dialled, "")
    if request.lead_id or request.contact_id:
        connection.execute(
            _ATTACH,
            {
                "lead_id": request.lead_id,
                "contact_id": request.contact_id,
                "is_chosen": request.contact_id is not None,
                "call_id": recorded.call_id,
            },
        )
    return recorded.tell


def _note_own_leg(connection: Connection, fact: Fact, found: Match) -> None:
    """Our own phone rings, was picked up, or was left ringing: the card says so."""
    values: dict[str, object] = {"pbx_call_id": fact.pbx_call_id}
    if fact.kind is FactKind.ANSWERED:
        values |= {"state": DialState.PICKED_UP.value}
    elif fact.kind is FactKind.OUTGOING_ENDED and not fact.talk_seconds:
        values |= {
            "state": DialState.FAILED.value,
            "error_code": "not_picked_up",
            "settled_at": clock.now(),
            "pending_key": None,
        }
    connection.execute(_SETTLE.values(**values), {"request_id": found.request.id})
