"""The ledger: a fact is stored, its call folded and written, what follows owed, in one transaction.

This is the hot path: it runs while a caller hears silence. A few statements built once, nothing
over the network.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy.engine import Connection

from crm_app.calls.fold.facts import CallPhase, Fact, FactKind
from crm_app.calls.fold.follow_ups import FollowUp, FollowUpKind, follow_ups
from crm_app.calls.fold.follow_ups import recorded as recorded_since
from crm_app.calls.fold.lifecycle import CallState, fold
from crm_app.calls.store import hot_sql as sql
from crm_app.calls.store import projection, write_ups
from crm_app.calls.store.projection import Attached
from crm_app.contacts.numbers.caller import Caller, find_callers
from crm_app.errors import RamalError
from crm_app.jobs import services as jobs
from crm_app.live.messages import OFFICE

# Each new fact folds all of them. A true call has a few dozen; somebody who holds one signed
# notification could send facts of the same call without end, for most of its fields are not signed.
MOST_FACTS = 500
Finder = Callable[[Connection, str], list[Caller]]
_OURS = (FactKind.DIALLED, FactKind.REFUSED, FactKind.SWEPT, FactKind.LISTED)


class CallIsFullError(RamalError):
    """There are more facts of one call than a true call can have."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """The result of storing one fact; `tell` are the users whose cards it changes.

    `lists` are others on whose pages the call may stand. `callers` are the contacts who have the
    number, None when this fact gave no reason to look.
    """

    call_id: int
    is_new: bool
    state: CallState
    tell: frozenset[int]
    callers: tuple[Caller, ...] | None = None
    lists: frozenset[int] = frozenset()
    contact_id: int | None = None


@dataclass(frozen=True, slots=True)
class Completed:
    """The result of storing several facts of one call: how many were new, and what it was."""

    recorded: Recorded
    new_facts: int
    before: CallState | None


@dataclass(frozen=True, slots=True)
class _Stored:
    """A fact that is new: whose extensions it names, and whether its call had a row before it."""

    fact: Fact
    users: dict[str, int | None]
    has_call: bool


@dataclass(frozen=True, slots=True)
class _Known:
    """A call as the database holds it: its facts, whose extensions they name, its row if any."""

    facts: list[Fact]
    users: dict[str, int | None]
    attached: Attached


def record(
    connection: Connection,
    fact: Fact,
    raw: str,
    without: frozenset[FollowUpKind] = frozenset(),
    find: Finder = find_callers,
) -> Recorded:
    """Store a fact once and bring its call up to date; the caller commits.

    `raw` is the text of what the PBX sent, kept for audit; `without` are follow-ups that nobody
    wants; `find` looks up who has a number. A fact whose content is known already changes nothing.
    Raises CallIsFullError when the PBX has sent MOST_FACTS of this call before.
    """
    stored = _store(connection, fact, raw)
    if stored is not None and not stored.has_call:
        known = _Known([stored.fact], stored.users, Attached())
        recorded = _update(connection, known, None, fold(known.facts), without, find)
        if recorded is not None:
            return recorded
        # Another process stored the call's first fact at the same moment.
    known = _known(connection, fact.pbx_call_id)
    if stored is not None and len(known.facts) > MOST_FACTS and fact.kind not in _OURS:
        raise CallIsFullError
    after = fold(known.facts)
    if stored is None and known.attached.call_id is not None:
        return Recorded(known.attached.call_id, False, after, frozenset())
    before = None
    if known.attached.call_id is not None:
        before = fold(other for other in known.facts if other.content != fact.content)
    recorded = _update(connection, known, before, after, without, find)
    if recorded is None:
        raise RuntimeError("a call was made while its lock was held")
    return replace(recorded, is_new=stored is not None)


def complete(connection: Connection, facts: Sequence[Fact]) -> Completed:
    """Store facts of one call that nobody waits for, and bring it up to date once; does not commit.

    Raises ValueError when they are not of one call.
    """
    if len({fact.pbx_call_id for fact in facts}) != 1:
        raise ValueError("facts of one call are stored together")
    # Of two who store the same facts at once, the second must see what the first has written.
    lock(connection, facts[0].pbx_call_id)
    new = {fact.content for fact in facts if _store(connection, fact, "") is not None}
    known = _known(connection, facts[0].pbx_call_id)
    after, before = fold(known.facts), None
    if known.attached.call_id is not None:
        if not new:
            same = Recorded(known.attached.call_id, False, after, frozenset())
            return Completed(same, 0, after)
        before = fold(other for other in known.facts if other.content not in new)
    recorded = _update(connection, known, before, after)
    if recorded is None:
        raise RuntimeError("a call was made while its lock was held")
    return Completed(recorded, len(new), before)


def _update(
    connection: Connection,
    known: _Known,
    before: CallState | None,
    after: CallState,
    without: frozenset[FollowUpKind] = frozenset(),
    find: Finder = find_callers,
) -> Recorded | None:
    """Write what has changed; None when the call is new here and somebody else has just made it."""
    users = _users_of(connection, after, known)
    contact_id, callers = _whose(connection, known, before, after, find)
    written = projection.write(connection, known.attached, before, after, users, contact_id)
    if written is None:
        return None
    write_ups.note(connection, written.call_id, before, after, users)
    owed = follow_ups(before, after, has_contact=contact_id is not None)
    wanted = [one for one in owed if one.kind not in without]
    _enqueue(connection, [*wanted, *recorded_since(before, after)])
    tell = _whom_to_tell(before, after, users)
    lists = _who_lists(before, after, written.responsible_id)
    return Recorded(written.call_id, True, after, tell, callers, lists - tell, contact_id)


def enqueue_again(connection: Connection, pbx_call_id: str) -> None:
    """Enqueue all that follows from a call, because somebody has said whom it was with.

    Also for one that is with nobody now: until then it was with somebody. Locks the call.
    """
    lock(connection, pbx_call_id)
    facts = _known(connection, pbx_call_id).facts
    _enqueue(connection, follow_ups(None, fold(facts), has_contact=True))


def _enqueue(connection: Connection, what: Iterable[FollowUp]) -> None:
    for follow_up in what:
        jobs.enqueue(connection, follow_up.kind, follow_up.payload, key=follow_up.key)


def lock(connection: Connection, pbx_call_id: str) -> None:
    """Keep everybody else from writing this call until the transaction ends."""
    if connection.dialect.name == "postgresql":
        sql.run(connection, sql.LOCK_CALL, {"pbx_call_id": pbx_call_id})


def refold(connection: Connection, pbx_call_id: str) -> int:
    """Write a call again from its stored facts and return its id; what people chose stays."""
    lock(connection, pbx_call_id)
    known = _known(connection, pbx_call_id)
    state = fold(known.facts)
    users = _users_of(connection, state, known)
    contact_id, _ = _whose(connection, known, None, state)
    if known.attached.call_id is not None:
        projection.forget_parts(connection, known.attached.call_id)
    written = projection.write(connection, known.attached, None, state, users, contact_id)
    if written is None:
        raise RuntimeError("a call was made while its lock was held")
    return written.call_id


def _store(connection: Connection, fact: Fact, raw: str) -> _Stored | None:
    """Store a fact; None when its content was known already."""
    values = {
        "pbx_call_id": fact.pbx_call_id,
        "kind": fact.kind.value,
        "content_key": fact.content_key(),
        "received_at": sql.moment(connection, fact.received_at),
        "extension": fact.who,
        "data": fact.to_json(),
        "raw": raw,
    }
    statement, others = sql.INSERT_FACT, fact.others
    shorts, readings = sorted(fact.short_numbers), fact.readings
    if others or shorts or readings:
        statement = sql.INSERT_FACT_OF_SEVERAL
        values |= sql.numbered("other", others, sql.MOST_OTHERS)
        values |= sql.numbered("short", shorts, sql.MOST_SHORTS)
        values |= sql.numbered("reading", readings, sql.MOST_READINGS)
    rows = sql.run(connection, statement, values)
    if not rows:
        return None
    user_id, owners, known, has_call = rows[0]
    fact = fact.knowing(known)
    return _Stored(fact, _owners(fact, user_id, owners), bool(has_call))


def _known(connection: Connection, pbx_call_id: str) -> _Known:
    rows = sql.run(connection, sql.FACTS_AND_CALL, {"pbx_call_id": pbx_call_id})
    facts = [Fact.from_json(row[0]).knowing(row[3]) for row in rows]
    users: dict[str, int | None] = {}
    for fact, row in zip(facts, rows, strict=True):
        for extension, user_id in _owners(fact, row[1], row[2]).items():
            # An extension that changes hands during a call stays with the first.
            users.setdefault(extension, user_id)
    *_, call_id, contact_id, is_chosen = rows[0]
    return _Known(facts, users, Attached(call_id, contact_id, bool(is_chosen)))


def _owners(fact: Fact, user_id: int | None, owners: str | None) -> dict[str, int | None]:
    """Whose the extensions were that a fact names, as it was stored with the fact."""
    found = {fact.who: user_id}
    # Facts from before all owners were stored know that of the one who acts.
    if owners is not None:
        stored = json.loads(owners)
        found |= {extension: stored.get(extension) for extension in fact.others}
    return found


def _users_of(connection: Connection, state: CallState, known: _Known) -> Mapping[str, int | None]:
    """Whose the extensions in a call are: by the facts, else by who has them now."""
    named = {leg.extension for leg in state.legs} | {state.placed_by, state.answered_by}
    unknown = named - known.users.keys() - {""}
    users = known.users
    if unknown:
        rows = connection.execute(sql.USERS_BY_EXTENSION, {"extensions": sorted(unknown)})
        users = {**users, **{row.extension: row.id for row in rows}}
    nobodys = {name for name in named if name and name in users and users[name] is None}
    if nobodys and state.phase is CallPhase.ENDED and known.attached.call_id is not None:
        taken = {"extensions": sorted(nobodys), "began": state.started_at}
        rows = connection.execute(sql.TAKEN_EXTENSIONS, taken)
        users = {**users, **{row.extension: row.owner_id for row in rows}}
    return users


def _whose(
    connection: Connection,
    known: _Known,
    before: CallState | None,
    after: CallState,
    find: Finder = find_callers,
) -> tuple[int | None, tuple[Caller, ...] | None]:
    """Find whom to attach: the one contact that has the number, nobody when several share it.

    A contact that was chosen by hand stays, and the same number is not looked up twice.
    """
    is_same_number = before is not None and before.outside_number == after.outside_number
    if known.attached.contact_is_chosen or is_same_number:
        return known.attached.contact_id, None
    callers = tuple(find(connection, after.outside_number))
    return (callers[0].contact_id if len(callers) == 1 else None), callers


def _whom_to_tell(
    before: CallState | None, after: CallState, users: Mapping[str, int | None]
) -> frozenset[int]:
    """Name the users for whom the call looks different now: nobody else hears of it."""
    if _is_old_news(after) and (before is None or _is_old_news(before)):
        return frozenset()
    found = set()
    for extension in _concerned(before) | _concerned(after):
        user_id = users.get(extension)
        if user_id is not None and _looks(before, extension) != _looks(after, extension):
            found.add(user_id)
    return frozenset(found)


def _who_lists(
    before: CallState | None, after: CallState, responsible_id: int | None
) -> frozenset[int]:
    """Name who may have the call in a list of calls; nobody where it has not changed."""
    if before == after or (_is_old_news(after) and (before is None or _is_old_news(before))):
        return frozenset()
    return frozenset({OFFICE} if responsible_id is None else {OFFICE, responsible_id})


def _is_old_news(state: CallState) -> bool:
    return state.is_stale or state.is_history or state.is_of_another_day


def _concerned(state: CallState | None) -> set[str]:
    if state is None:
        return set()
    return {leg.extension for leg in state.legs} | {state.placed_by} - {""}


def _looks(state: CallState | None, extension: str) -> tuple[object, ...] | None:
    """What a call is to one extension, None when it has no part in it."""
    if state is None or extension not in _concerned(state):
        return None
    return (
        state.status,
        state.outside_number,
        extension in state.ringing_extensions,
        extension == state.talking_extension,
        extension in state.participants,
    )
