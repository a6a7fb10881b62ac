"""The ledger: a fact is stored, its call folded and written, what follows owed, in one transaction.

This is the hot path: it runs while a caller hears silence. A few statements built once, nothing
over the network.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy.engine import Connection

from crm_app.calls.fold.facts import CallPhase, Fact, FactKind
from crm_app.calls.fold.follow_ups import FollowUp, FollowUpKind, follow_ups
from crm_app.calls.fold.follow_ups import recorded as recorded_since
from crm_app.calls.fold.lifecycle import CallState, fold
from crm_app.calls.store import fact_rows, projection, write_ups
from crm_app.calls.store import hot_sql as sql
from crm_app.calls.store.fact_rows import Known, Stored
from crm_app.calls.store.projection import Attached, Written
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
class Change:
    """A fact with what its storing gave, None when it was known; the rest is as for `record`."""

    fact: Fact
    stored: Stored | None
    without: frozenset[FollowUpKind] = frozenset()
    find: Finder = find_callers


@dataclass(frozen=True, slots=True)
class _Draft:
    """What a call was and is now, whose its extensions are, and whom it is with."""

    before: CallState | None
    after: CallState
    users: Mapping[str, int | None]
    contact_id: int | None
    callers: tuple[Caller, ...] | None


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
    (stored,) = fact_rows.store(connection, [(fact, raw)])
    (recorded,) = fold_in(connection, [Change(fact, stored, without, find)])
    return recorded


def fold_in(connection: Connection, changes: Sequence[Change]) -> list[Recorded]:
    """Bring the calls of facts up to date that `fact_rows.store` has stored; the caller commits.

    No two are of one call. Raises CallIsFullError.
    """
    drafts: dict[int, _Draft] = {}
    for place, change in enumerate(changes):
        stored = change.stored
        if stored is not None and not stored.has_call:
            known = Known([stored.fact], stored.users, Attached())
            drafts[place] = _draft(connection, known, None, fold(known.facts), change.find)
    written = projection.write_new(
        connection, [(draft.after, draft.users, draft.contact_id) for draft in drafts.values()]
    )
    made = dict(zip(drafts, written, strict=True))
    return [
        _finish(connection, drafts[place], row, change.without)
        if (row := made.get(place)) is not None
        # Perhaps another process stored the call's first fact at the same moment.
        else _fold_in(connection, change)
        for place, change in enumerate(changes)
    ]


def _fold_in(connection: Connection, change: Change) -> Recorded:
    fact, stored = change.fact, change.stored
    known = fact_rows.read(connection, fact.pbx_call_id)
    if stored is not None and len(known.facts) > MOST_FACTS and fact.kind not in _OURS:
        raise CallIsFullError
    after = fold(known.facts)
    if stored is None and known.attached.call_id is not None:
        return Recorded(known.attached.call_id, False, after, frozenset())
    before = None
    if known.attached.call_id is not None:
        before = fold(other for other in known.facts if other.content != fact.content)
    recorded = _update(connection, known, before, after, change.without, change.find)
    return replace(recorded, is_new=stored is not None)


def complete(connection: Connection, facts: Sequence[Fact]) -> Completed:
    """Store facts of one call that nobody waits for, and bring it up to date once; does not commit.

    Raises ValueError when they are not of one call.
    """
    if len({fact.pbx_call_id for fact in facts}) != 1:
        raise ValueError("facts of one call are stored together")
    # Of two who store the same facts at once, the second must see what the first has written.
    lock(connection, facts[0].pbx_call_id)
    stored = fact_rows.store(connection, [(fact, "") for fact in facts])
    new = {fact.content for fact, is_new in zip(facts, stored, strict=True) if is_new}
    known = fact_rows.read(connection, facts[0].pbx_call_id)
    after, before = fold(known.facts), None
    if known.attached.call_id is not None:
        if not new:
            same = Recorded(known.attached.call_id, False, after, frozenset())
            return Completed(same, 0, after)
        before = fold(other for other in known.facts if other.content not in new)
    recorded = _update(connection, known, before, after)
    return Completed(recorded, len(new), before)


def _update(
    connection: Connection,
    known: Known,
    before: CallState | None,
    after: CallState,
    without: frozenset[FollowUpKind] = frozenset(),
    find: Finder = find_callers,
) -> Recorded:
    """Write what has changed of a call whose lock is held."""
    draft = _draft(connection, known, before, after, find)
    written = projection.write(
        connection, known.attached, before, after, draft.users, draft.contact_id
    )
    if written is None:
        raise RuntimeError("a call was made while its lock was held")
    return _finish(connection, draft, written, without)


def _draft(
    connection: Connection,
    known: Known,
    before: CallState | None,
    after: CallState,
    find: Finder,
) -> _Draft:
    users = _users_of(connection, after, known)
    contact_id, callers = _whose(connection, known, before, after, find)
    return _Draft(before, after, users, contact_id, callers)


def _finish(
    connection: Connection, draft: _Draft, written: Written, without: frozenset[FollowUpKind]
) -> Recorded:
    """Enqueue what follows from what was written, and name those whose screens change."""
    before, after, users = draft.before, draft.after, draft.users
    write_ups.note(connection, written.call_id, before, after, users)
    owed = follow_ups(before, after, has_contact=draft.contact_id is not None)
    wanted = [one for one in owed if one.kind not in without]
    _enqueue(connection, [*wanted, *recorded_since(before, after)])
    tell = _whom_to_tell(before, after, users)
    lists = _who_lists(before, after, written.responsible_id)
    return Recorded(
        written.call_id, True, after, tell, draft.callers, lists - tell, draft.contact_id
    )


def enqueue_again(connection: Connection, pbx_call_id: str) -> None:
    """Enqueue all that follows from a call, because somebody has said whom it was with.

    Also for one that is with nobody now: until then it was with somebody. Locks the call.
    """
    lock(connection, pbx_call_id)
    facts = fact_rows.read(connection, pbx_call_id).facts
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
    known = fact_rows.read(connection, pbx_call_id)
    state = fold(known.facts)
    users = _users_of(connection, state, known)
    contact_id, _ = _whose(connection, known, None, state)
    if known.attached.call_id is not None:
        projection.forget_parts(connection, known.attached.call_id)
    written = projection.write(connection, known.attached, None, state, users, contact_id)
    if written is None:
        raise RuntimeError("a call was made while its lock was held")
    return written.call_id


def _users_of(connection: Connection, state: CallState, known: Known) -> Mapping[str, int | None]:
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
    known: Known,
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
