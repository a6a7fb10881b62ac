"""Stores what the PBX posted: facts with everything that follows, and unreadable requests."""

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import Connection, bindparam, delete, insert, or_, select, text, update

from crm_app import clock
from crm_app.calls.fold.facts import CallPhase, Fact, FactKind
from crm_app.calls.fold.follow_ups import FollowUpKind
from crm_app.calls.store import fact_rows, ledger
from crm_app.contacts.numbers.caller import find_callers
from crm_app.database import UtcDateTime
from crm_app.telephony.dialling import matching
from crm_app.telephony.dialling.matching import Candidate, Match
from crm_app.telephony.dialling.models import MATCHABLE_STATES, DialRequest, DialState
from crm_app.telephony.models import UnreadableRequest
from crm_app.telephony.routing import black_list, rules
from crm_app.telephony.routing.lookup import WhoCalls
from crm_app.telephony.switches import Switches
from crm_app.telephony.zadarma.answers import CallReply

MAX_KEPT_REQUESTS = 1_000
MAX_KEPT_GENUINE = 10_000
MAX_KEPT_BYTES = 16_384
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
    """The result of a fact: the call, whose screens to update, the dial request it belongs to.

    `reply` is how to route a starting call, None when the PBX was not waiting for it.
    """

    call_id: int
    tell: frozenset[int]
    reply: CallReply | None = None
    dial_id: int | None = None
    dialler_id: int | None = None
    lists: frozenset[int] = frozenset()
    contact_id: int | None = None


@dataclass(frozen=True, slots=True)
class Unread:
    """A request that could not be understood or stored; a genuine one has a valid signature."""

    sender: str
    content_type: str
    reason: str
    body: bytes
    is_genuine: bool
    received_at: datetime


_NOTHING: frozenset[FollowUpKind] = frozenset()
_NO_CLIENTS = frozenset({FollowUpKind.NEW_CLIENT})


@dataclass(frozen=True, slots=True)
class FactToStore:
    """A fact to store with everything that follows from it, and the text of what the PBX sent.

    `switches` are given while the PBX waits for an answer: then a starting call is routed in the
    same transaction. A fact that is stored after the answer decides nothing. `timezone` is the
    office's, in which its hours are written.
    """

    fact: Fact
    raw: str
    switches: Switches | None = None
    timezone: str = "UTC"

    def __call__(self, connection: Connection) -> Stored:
        """Store it alone; the caller commits, then updates screens."""
        (stored,) = store(connection, [self])
        return stored


def do_all(connection: Connection, works: Sequence[Callable[[Connection], Any]]) -> list[Any]:
    """Do the works of one transaction in few statements, and give what each gave.

    Facts of different calls are stored together; those of one call stay in their order.
    """
    results: dict[int, Any] = {}
    turns: defaultdict[int, list[int]] = defaultdict(list)
    turn_of_call: Counter[str] = Counter()
    for place, work in enumerate(works):
        if isinstance(work, FactToStore):
            turns[turn_of_call[work.fact.pbx_call_id]].append(place)
            turn_of_call[work.fact.pbx_call_id] += 1
        else:
            results[place] = work(connection)
    for places in turns.values():
        together = [work for place in places if isinstance(work := works[place], FactToStore)]
        results |= zip(places, store(connection, together), strict=True)
    return [results[place] for place in range(len(works))]


def store(connection: Connection, works: Sequence[FactToStore]) -> list[Stored]:
    """Store facts of different calls and what follows; the caller commits, then updates screens."""
    callers = [
        WhoCalls(work.switches, work.timezone, work.fact.received_at)
        if work.switches is not None and work.fact.kind is FactKind.STARTED
        else None
        for work in works
    ]
    new = fact_rows.store(connection, [(work.fact, work.raw) for work in works])
    asked = [(who, work.fact.caller) for who, work in zip(callers, works, strict=True) if who]
    WhoCalls.ask_ahead(connection, asked)
    recorded = ledger.fold_in(
        connection,
        [
            ledger.Change(work.fact, stored, _unwanted(work.switches), who or find_callers)
            for work, stored, who in zip(works, new, callers, strict=True)
        ],
    )
    return [
        _follow(connection, work.fact, one, who)
        for work, one, who in zip(works, recorded, callers, strict=True)
    ]


def _follow(
    connection: Connection, fact: Fact, recorded: ledger.Recorded, who: WhoCalls | None
) -> Stored:
    """Route a call and find its dial request, once it is stored."""
    if recorded.state.is_stale:
        log.warning("webhook for a call of another day", event_kind=fact.kind)
        return Stored(recorded.call_id, recorded.tell, lists=recorded.lists)
    tell, reply = recorded.tell, None
    if who is not None:
        decision = _route(connection, fact, recorded, who)
        reply = decision.reply
        if decision.refusal and recorded.state.phase is CallPhase.RINGING:
            tell |= _refuse(connection, fact, decision)
    found = _match(connection, fact, recorded)
    if found is None:
        return Stored(
            recorded.call_id, tell, reply, lists=recorded.lists, contact_id=recorded.contact_id
        )
    if found.kind == "call":
        tell |= _connect(connection, fact, found.request)
    else:
        _note_own_leg(connection, fact, found)
    # The request may have said whom the call is with.
    return Stored(
        recorded.call_id, tell, reply, found.request.id, found.request.user_id, recorded.lists
    )


def _unwanted(switches: Switches | None) -> frozenset[FollowUpKind]:
    """Name what would be owed for each stranger's call, only to find that it is switched off.

    A call that began before the switch was turned on makes no client, so none is missed.
    """
    is_off = switches is not None and switches.new_client == "off"
    return _NO_CLIENTS if is_off else _NOTHING


def keep(connection: Connection, unread: Unread, *, may_be_known: bool = False) -> int:
    """Store an unreadable request and return its id; only the newest are kept.

    Unsigned ones, which anybody may have sent, never displace signed ones.
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


def _route(
    connection: Connection, fact: Fact, recorded: ledger.Recorded, who: WhoCalls
) -> rules.Decision:
    callers = recorded.callers
    if callers is None:  # a start that comes late, or again
        callers = tuple(find_callers(connection, fact.caller))
    call = rules.StartingCall(fact.caller, fact.did, fact.received_at, callers)
    return rules.decide(call, who.switches, who.known_of(connection, call))


def _refuse(connection: Connection, fact: Fact, decision: rules.Decision) -> frozenset[int]:
    """Record that we refused a call, and count it; the log shows it as blocked."""
    refused = Fact(
        kind=FactKind.REFUSED,
        pbx_call_id=fact.pbx_call_id,
        received_at=fact.received_at,
        disposition_raw=decision.refusal,
    )
    recorded = ledger.record(connection, refused, "")
    if recorded.is_new and decision.blocked_id is not None:
        black_list.count(connection, decision.blocked_id, fact.received_at)
    return recorded.tell


def _match(connection: Connection, fact: Fact, recorded: ledger.Recorded) -> Match | None:
    if not (recorded.is_new and matching.may_match(fact)):
        return None
    colleagues = {leg.extension for leg in recorded.state.legs if not leg.transferred_from}
    return matching.match(fact, _candidates(connection, fact), colleagues - {fact.caller})


def _candidates(connection: Connection, fact: Fact) -> list[Candidate]:
    """Read the open dial requests, and the one already matched to this call."""
    known = {"since": fact.received_at - matching.BELONGS_FOR, "pbx_call_id": fact.pbx_call_id}
    return [Candidate(*row) for row in connection.execute(_CANDIDATES, known)]


def _connect(connection: Connection, fact: Fact, request: Candidate) -> frozenset[int]:
    now = clock.now()
    settled = connection.execute(
        _SETTLE.values(
            state=DialState.CONNECTED.value,
            error_code="",
            pbx_call_id=fact.pbx_call_id,
            pending_key=None,
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
    """Record for the screen that the user's own phone rings, was picked up, or was not."""
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
