"""Keeps the call-backs what the call log says: made, joined, closed and opened again by calls.

Every verb here looks at the log as it is now and does nothing twice, so that facts may come late,
in any order, and a job may run again. The caller commits.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Select, and_, func, or_, select

from crm_app import clock
from crm_app.callbacks import clients
from crm_app.callbacks.announcing import announce
from crm_app.callbacks.models import CallBack, CallBackEvent, CallBackMiss, DoneHow, EventKind
from crm_app.callbacks.rules import Rules
from crm_app.calls.fold.facts import CallPhase, Direction, Disposition
from crm_app.calls.fold.follow_ups import TALKED
from crm_app.calls.models import Call
from crm_app.calls.store import ledger
from crm_app.extensions import db
from crm_app.phone_pairs import forms_of

# Ended before the other side could hear anything: nobody has tried to reach the client.
_NOT_TRIED = (Disposition.NO_MONEY, Disposition.LIMIT)
_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class _Log:
    """What the log says about a client: the episode of missed calls that ends at the last one."""

    last: Call
    first_missed_at: datetime
    misses: int
    tries: int
    last_try: Call | None
    closed_by: Call | None


def look_at(pbx_call_id: str, rules: Rules) -> timedelta | None:
    """Bring the call-backs that a call concerns up to date.

    Gives the time after which to look again, where a talk is too young to count.
    """
    ledger.lock(db.session.connection(), pbx_call_id)
    call = _find(pbx_call_id)
    if call is None or rules.on_since is None:
        return None
    # Before a missed call is put into one of them: that would share the lock of others.
    concerned = clients.locked(_concerned(call))
    for row in clients.locked([*concerned, *_place(call, rules)]).values():
        settle(row, rules)
    return _age_missing(call, rules)


def settle(row: CallBack, rules: Rules) -> None:
    """Write what the log says about a client into their call-back, which is held for update."""
    before = row.state, row.misses, row.tries, row.holder_id, row.due_at, row.contact_id
    log = _read(row, rules)
    if log is None:
        _withdraw(row)
    else:
        _write(row, log, rules)
    db.session.flush()
    db.session.refresh(row, ["holder_id"])
    if before != (row.state, row.misses, row.tries, row.holder_id, row.due_at, row.contact_id):
        announce(row)


def settle_waiting(rules: Rules, contact_id: int | None = None, after: int = 0) -> int | None:
    """Look again at some open rows, of a contact or all; gives the last id if more may follow."""
    if rules.on_since is None:
        return None
    found = select(CallBack.id).where(CallBack.done_at.is_(None), CallBack.id > after)
    if contact_id is not None:
        found = found.where(clients.is_of_contact(contact_id))
    ids = db.session.scalars(found.order_by(CallBack.id).limit(_AT_ONCE)).all()
    for row in clients.locked(ids).values():
        settle(row, rules)
    return ids[-1] if len(ids) == _AT_ONCE else None


def number_has_contact(number: str, rules: Rules) -> None:
    """Let what waits for a number wait for the client who has the number now."""
    about = db.session.scalars(clients.waiting_for(number)).all()
    changed: list[int] = []
    for row in clients.locked(about).values():
        changed += _hand_over(row, number, rules)
    for row in clients.locked(changed).values():
        settle(row, rules)
        announce(row)


def _hand_over(row: CallBack, number: str, rules: Rules) -> list[int]:
    """Give what waits for a number in a row to its client of now; gives the rows that changed."""
    waiting = clients.waiting_calls(row)
    forms = forms_of(number)
    going = []
    for call in waiting:
        client = clients.client_of(call)
        is_its = row.contact_id is None or call.outside_number in forms
        if is_its and client.is_somebody and not client.has(row):
            going.append((call, client))
    if len(going) == len(waiting) and len({client for _, client in going}) == 1:
        return [clients.give(row, going[0][1])]
    return [one for call, _ in going for one in (row.id, *_place(call, rules))]


def _find(pbx_call_id: str) -> Call | None:
    statement = select(Call).where(Call.pbx_call_id == pbx_call_id)
    return db.session.scalar(statement.execution_options(populate_existing=True))


def _concerned(call: Call) -> list[int]:
    """Find the rows that a call has closed, and that of the client it is with now."""
    about = CallBack.closed_by_call_id == call.id
    with_client = clients.client_of(call).condition
    it_is_in = select(CallBackMiss.call_back_id).where(CallBackMiss.call_id == call.id)
    ways = [about, with_client, CallBack.id.in_(it_is_in)]
    if call.contact_id is not None:
        ways.append(CallBack.contact_id == call.contact_id)
    if call.outside_number:
        ways.append(clients.Client(None, call.outside_number).condition)
        # Those missed from this number, also where their contact does not have it.
        missed_from = (
            select(CallBackMiss.call_back_id)
            .join(Call, Call.id == CallBackMiss.call_id)
            .where(Call.outside_number.in_(forms_of(call.outside_number)))
        )
        ways.append(CallBack.id.in_(missed_from))
    return [found for way in ways for found in db.session.scalars(select(CallBack.id).where(way))]


def _place(call: Call, rules: Rules) -> list[int]:
    """Put a missed call into the row of its client, or take it out; gives the rows it was in."""
    link = db.session.get(CallBackMiss, call.id, populate_existing=True)
    # What was decided when it was missed stays, whatever the settings are by now.
    deserves = _is_still_missed(call) if link is not None else rules.asks_for(call)
    if not deserves:
        if link is None:
            return []
        db.session.delete(link)
        db.session.flush()
        return [link.call_back_id]
    client = clients.client_of(call)
    theirs = clients.row_for(client, call, link.call_back_id if link else None)
    if link is None:
        row = theirs or clients.make_row(client, call)
        db.session.add(CallBackMiss(call_id=call.id, call_back_id=row.id))
        db.session.flush()
        return [row.id]
    if theirs is not None and theirs.id == link.call_back_id:
        return [theirs.id]
    return _move(link, call, client, theirs)


def _move(
    link: CallBackMiss, call: Call, client: clients.Client, theirs: CallBack | None
) -> list[int]:
    """Move a missed call to the client that it turned out to be of."""
    old = db.session.get_one(CallBack, link.call_back_id)
    if clients.has_only(old, call):
        announce(old)
        if theirs is None:
            clients.rename(old, client)
            return [old.id]
        clients.join(theirs, old)
        return [theirs.id]
    theirs = theirs or clients.make_row(client, call)
    link.call_back_id = theirs.id
    db.session.flush()
    return [old.id, theirs.id]


def _is_still_missed(call: Call) -> bool:
    return (
        call.is_missed
        and call.direction == Direction.INBOUND
        and bool(call.contact_id or call.outside_number)
    )


def _age_missing(call: Call, rules: Rules) -> timedelta | None:
    """How long a talk that goes on has still to last until it counts."""
    if call.status != "talking" or call.answered_at is None:
        return None
    counts_at = call.answered_at + timedelta(seconds=rules.ghost_seconds + 1)
    left = counts_at - clock.now()
    return left if left > timedelta() else None


def _is_real_talk(rules: Rules) -> ColumnElement[bool]:
    """Say that somebody talked for longer than a ghost."""
    young = clock.now() - timedelta(seconds=rules.ghost_seconds)
    unknown = and_(
        Call.talk_seconds.is_(None), or_(Call.phase == CallPhase.ENDED, Call.answered_at < young)
    )
    return and_(
        Call.status.in_(TALKED),
        ~Call.is_missed,
        Call.is_own_leg.is_(False),
        or_(Call.talk_seconds > rules.ghost_seconds, unknown),
    )


def _read(row: CallBack, rules: Rules) -> _Log | None:
    """Read what the log says; None when none of the client's calls was missed."""
    last = db.session.scalar(_misses(row).order_by(Call.started_at.desc(), Call.id.desc()).limit(1))
    if last is None:
        return None
    ways, is_real = clients.calls_with(row), _is_real_talk(rules)
    closes = _closes(last, row.reopened_at)
    closed_by = _first(ways, is_real, closes, since=last.started_at - timedelta(days=1))
    talked_at = _last_talk(ways, is_real, ~closes, until=_missed_at(last))
    since = [Call.started_at > talked_at] if talked_at else []
    misses, first = db.session.execute(
        _misses(row)
        .where(*since)
        .with_only_columns(func.count(), func.min(Call.started_at))
        .order_by(None)
    ).one()
    # One that came during a talk with somebody else of the client is not answered by it.
    if not misses:
        misses, first = 1, last.started_at
    until = closed_by.ended_at if closed_by else None
    tries, last_try = _tries(ways, is_real, first, until)
    return _Log(last, first, misses, tries, last_try, closed_by)


def _closes(last: Call, reopened_at: datetime | None) -> ColumnElement[bool]:
    """Say that a talk began after the last missed call, and after somebody opened the row again.

    It may begin while another phone of the client still rings, but one that is over by then was
    not with who gives up later. The length of a talk moves its beginning back, where the PBX counts
    otherwise than we hear it: one that we heard of later, and that ended later, began later, too.
    """
    began = func.coalesce(Call.answered_at, Call.started_at)
    base = max(last.started_at, reopened_at or last.started_at)
    goes_on = or_(Call.ended_at.is_(None), Call.ended_at > _missed_at(last))
    ended = max(_missed_at(last), base)
    return or_(and_(began > base, goes_on), and_(Call.id > last.id, Call.ended_at > ended))


def _missed_at(call: Call) -> datetime:
    """Give the moment at which a caller gave up, where that was heard; else that of their call."""
    if call.ended_at is None or call.disposition == Disposition.UNFINISHED:
        return call.started_at
    return call.ended_at


def _last_talk(
    ways: list[ColumnElement[bool]], *conditions: ColumnElement[bool], until: datetime
) -> datetime | None:
    """Find when the last of the earlier talks was over."""
    over = func.max(func.coalesce(Call.ended_at, Call.started_at))
    found = [
        db.session.scalar(select(over).where(way, *conditions, Call.started_at <= until))
        for way in ways
    ]
    return max((moment for moment in found if moment), default=None)


def _misses(row: CallBack) -> Select[Call]:
    return (
        select(Call)
        .join(CallBackMiss, CallBackMiss.call_id == Call.id)
        .where(CallBackMiss.call_back_id == row.id)
    )


def _first(
    ways: list[ColumnElement[bool]], *conditions: ColumnElement[bool], since: datetime
) -> Call | None:
    found = [
        db.session.scalar(
            select(Call)
            .where(way, *conditions, Call.started_at > since)
            .order_by(Call.started_at, Call.id)
            .limit(1)
        )
        for way in ways
    ]
    return min((call for call in found if call), key=lambda one: one.started_at, default=None)


def _tries(
    ways: list[ColumnElement[bool]],
    is_real: ColumnElement[bool],
    since: datetime,
    until: datetime | None,
) -> tuple[int, Call | None]:
    """Count the calls to a client that led to no talk, and give the last of them."""
    tried = [
        Call.direction == Direction.OUTBOUND,
        Call.phase == CallPhase.ENDED,
        Call.is_own_leg.is_(False),
        # One without a colleague is no call of ours: the PBX verifies numbers so.
        Call.placed_by_extension != "",
        ~is_real,
        or_(Call.disposition.is_(None), Call.disposition.not_in(_NOT_TRIED)),
        Call.started_at >= since,
    ]
    if until is not None:
        tried.append(Call.started_at < until)
    count, last = 0, None
    for way in ways:
        count += db.session.scalar(select(func.count()).select_from(Call).where(way, *tried)) or 0
        newest = select(Call).where(way, *tried).order_by(Call.started_at.desc()).limit(1)
        found = db.session.scalar(newest)
        if found is not None and (last is None or found.started_at > last.started_at):
            last = found
    return count, last


def _write(row: CallBack, log: _Log, rules: Rules) -> None:
    is_again = _is_again(row, log)
    is_new_miss = log.last.started_at > row.missed_at
    is_fresh = row.misses == 0 or is_again
    row.misses, row.tries = log.misses, log.tries
    row.first_missed_at, row.missed_at = log.first_missed_at, log.last.started_at
    row.number = log.last.outside_number or row.number
    row.did = log.last.did or row.did
    row.tried_at = log.last_try.started_at if log.last_try else None
    row.tried_by_id = log.last_try.user_id if log.last_try else None
    is_done_by_hand = row.done_how == DoneHow.HAND and not is_again
    if is_fresh:
        _begin(row, log, rules)
    elif not row.is_chosen and row.taken_by_id is None:
        _give_to(row, clients.owner_of(row, log.last, rules.default_responsible_id))
    if log.closed_by is not None:
        if not is_done_by_hand:
            _close(row, log.closed_by)
    elif not is_done_by_hand:
        _open(row, is_new_miss and not is_fresh, rules)


def _is_again(row: CallBack, log: _Log) -> bool:
    """Whether a row that is done begins afresh, for a miss that what finished it did not settle.

    What somebody finished by hand is settled as far as it was missed until then. A talk settles the
    misses that it was about, and facts of another may come late: that one is nobody's yet, and due
    by its own time. Where only the talk turns out to be none there is no such miss: it is the same
    episode, and who had taken it goes on.
    """
    if row.done_at is None:
        return False
    if row.done_how != DoneHow.TALK:
        return (log.last.ended_at or log.last.started_at) > row.done_at
    is_settled = log.closed_by is not None and log.closed_by.id == row.closed_by_call_id
    return log.last.started_at > row.missed_at and not is_settled


def _begin(row: CallBack, log: _Log, rules: Rules) -> None:
    """Begin an episode: nobody has taken it, it is due as office hours say, it is the owner's."""
    row.taken_by_id = row.taken_at = row.lent_at = row.lent_to_id = None
    row.escalated_at = row.reminded_at = None
    row.snoozed_from = row.reopened_at = None
    row.is_chosen = False
    # Misses are counted from the last talk, but what somebody has finished by hand is late no more.
    was_settled = row.done_how == DoneHow.HAND
    row.due_at = rules.due(log.last.started_at if was_settled else log.first_missed_at)
    row.owner_id = clients.owner_of(row, log.last, rules.default_responsible_id)


def _give_to(row: CallBack, owner_id: int | None) -> None:
    """Let a row be somebody else's, who is reminded as if nobody had been."""
    if row.owner_id != owner_id:
        row.owner_id = owner_id
        row.lent_at = row.lent_to_id = row.reminded_at = None


def _open(row: CallBack, rang_again: bool, rules: Rules) -> None:
    if rang_again and row.snoozed_from is not None:
        # Who calls again does not wait until somebody's snooze is over.
        row.due_at = min(row.due_at, rules.due(row.missed_at))
        row.snoozed_from = None
    if row.done_at is not None:
        row.done_at = row.done_how = row.done_by_id = row.closed_by_call_id = None
        row.done_reason = ""
        db.session.add(CallBackEvent(call_back_id=row.id, kind=EventKind.OPENED))


def _close(row: CallBack, talk: Call) -> None:
    if row.closed_by_call_id == talk.id:
        return
    row.done_at, row.done_how = talk.ended_at or clock.now(), DoneHow.TALK
    row.done_by_id, row.closed_by_call_id, row.done_reason = talk.user_id, talk.id, ""
    event = CallBackEvent(
        call_back_id=row.id, kind=EventKind.TALKED, user_id=talk.user_id, call_id=talk.id
    )
    db.session.add(event)


def _withdraw(row: CallBack) -> None:
    row.misses = 0
    if row.is_open:
        row.done_at, row.done_how = clock.now(), DoneHow.WITHDRAWN
        db.session.add(CallBackEvent(call_back_id=row.id, kind=EventKind.WITHDRAWN))
