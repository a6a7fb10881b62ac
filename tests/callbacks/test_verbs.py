"""What people do to a call-back: one of many takes it, and everything else has its rules."""

from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import func, select

from crm_app import clock
from crm_app.accounts.models import OfficeSettings, User
from crm_app.callbacks import services as call_backs
from crm_app.callbacks.models import CallBack, CallBackEvent, EventKind
from crm_app.demo import make_contact, make_user
from crm_app.errors import InvalidInputError, NotFoundError
from crm_app.extensions import db
from tests.callbacks.ended_calls import ANNA, STRANGER, call, in_threads, open_call_backs


@pytest.fixture
def row(office: Flask) -> CallBack:
    """A stranger's call-back in the pool."""
    call("a", STRANGER)
    return open_call_backs()[0]


def test_of_fifty_who_take_it_at_once_one_wins_and_the_others_hear_who_and_when(
    office: Flask, row: CallBack
) -> None:
    users = [make_user(f"Agent {number}") for number in range(50)]
    db.session.commit()
    ids, row_id = [user.id for user in users], row.id
    db.session.commit()

    def take(number: int) -> int:
        return call_backs.take(row_id, db.session.get_one(User, ids[number])).id

    found = in_threads(office, 50, take)
    refused = [one for one in found if isinstance(one, InvalidInputError)]
    assert (len(refused), found.count(row_id)) == (49, 1)
    db.session.expire_all()
    winner = db.session.get_one(CallBack, row_id)
    assert winner.taken_by is not None
    assert {one.code for one in refused} == {"taken"}
    assert {one.details["who"] for one in refused} == {winner.taken_by.name}
    assert {one.details["since"] for one in refused} == {winner.taken_at}
    taken = select(func.count()).where(CallBackEvent.kind == EventKind.TAKEN)
    assert db.session.scalar(taken) == 1


def test_taking_it_twice_changes_nothing(row: CallBack, bob: User) -> None:
    call_backs.take(row.id, bob)
    since = row.taken_at
    assert call_backs.take(row.id, bob).taken_at == since


def test_released_it_is_whose_it_was_before(row: CallBack, bob: User, carol: User) -> None:
    call_backs.reassign(row.id, carol.id, bob)
    call_backs.take(row.id, bob)
    assert row.holder_id == bob.id
    call_backs.release(row.id, bob)
    assert (row.state, row.holder_id) == ("open", carol.id)


def test_what_a_colleague_has_taken_only_they_and_managers_change(
    row: CallBack, bob: User, carol: User, dora: User
) -> None:
    call_backs.take(row.id, bob)
    for verb in (
        lambda: call_backs.release(row.id, carol),
        lambda: call_backs.done(row.id, "Wrote", carol),
        lambda: call_backs.reassign(row.id, carol.id, carol),
        lambda: call_backs.snooze(row.id, clock.now() + timedelta(hours=1), carol),
    ):
        with pytest.raises(InvalidInputError, match="taken"):
            verb()
    call_backs.reassign(row.id, carol.id, dora)
    assert (row.state, row.holder_id) == ("open", carol.id)


def test_given_to_a_colleague_it_keeps_its_due_time(row: CallBack, bob: User, carol: User) -> None:
    due = row.due_at
    call_backs.reassign(row.id, carol.id, bob)
    assert (row.holder_id, row.due_at) == (carol.id, due)
    call_backs.reassign(row.id, None, bob)
    assert row.holder_id is None


def test_it_is_not_done_without_a_reason(row: CallBack, bob: User) -> None:
    with pytest.raises(InvalidInputError, match="reason_empty"):
        call_backs.done(row.id, "  ", bob)
    call_backs.done(row.id, "Settled in writing", bob)
    assert (row.state, row.done_reason, row.done_by_id) == ("done", "Settled in writing", bob.id)


def test_opened_again_it_stays_open_although_there_was_a_talk(office: Flask, bob: User) -> None:
    call("a", STRANGER)
    call("b", STRANGER, answered=True)
    assert open_call_backs() == []
    row = db.session.scalars(select(CallBack)).one()
    call_backs.reopen(row.id, bob)
    db.session.commit()
    call("c", STRANGER, out=True)
    assert open_call_backs() == [row]


def test_put_off_it_is_due_later_and_comes_back_by_undo(row: CallBack, bob: User) -> None:
    due, later = row.due_at, clock.now() + timedelta(days=1)
    call_backs.snooze(row.id, later, bob)
    assert row.due_at == later
    call_backs.unsnooze(row.id, bob)
    assert (row.due_at, row.snoozed_from) == (due, None)
    with pytest.raises(InvalidInputError, match="snooze_past"):
        call_backs.snooze(row.id, clock.now(), bob)


def test_put_off_twice_the_undo_takes_back_the_second_time_alone(row: CallBack, bob: User) -> None:
    due, tomorrow = row.due_at, clock.now() + timedelta(days=1)
    call_backs.snooze(row.id, tomorrow, bob)
    row.reminded_at = reminded = clock.now()
    db.session.flush()
    before = call_backs.due_of(row.id, bob)
    call_backs.snooze(row.id, clock.now() + timedelta(hours=1), bob)
    with pytest.raises(InvalidInputError, match="changed"):
        call_backs.unsnooze(row.id, bob, before, until=tomorrow)
    call_backs.unsnooze(row.id, bob, before, until=row.due_at)
    assert (row.due_at, row.snoozed_from, row.reminded_at) == (tomorrow, due, reminded)
    call_backs.unsnooze(row.id, bob, call_backs.Due(due))
    assert (row.due_at, row.snoozed_from) == (due, None)


def test_put_off_it_is_not_late_any_more_and_by_undo_it_is_again(row: CallBack, bob: User) -> None:
    row.due_at = clock.now() - timedelta(hours=1)
    row.escalated_at = escalated = clock.now()
    db.session.flush()
    before = call_backs.due_of(row.id, bob)
    call_backs.snooze(row.id, clock.now() + timedelta(hours=1), bob)
    assert row.escalated_at is None
    call_backs.unsnooze(row.id, bob, before, until=row.due_at)
    assert row.escalated_at == escalated


def test_the_clients_next_call_ends_a_delay(row: CallBack, bob: User) -> None:
    call_backs.snooze(row.id, clock.now() + timedelta(days=3), bob)
    db.session.commit()
    call("b", STRANGER)
    (again,) = open_call_backs()
    assert again.due_at < clock.now() + timedelta(days=3)
    assert again.snoozed_from is None


def test_the_badge_counts_mine_and_the_pools(office: Flask, bob: User, dora: User) -> None:
    make_contact("Anna", phones=(ANNA,), responsible=dora)
    db.session.commit()
    call("a", ANNA)
    call("b", STRANGER)
    open_call_backs()
    assert (call_backs.counts_for(bob), call_backs.counts_for(dora)) == (1, 2)


def test_restricted_agents_see_the_pool_and_their_own_and_cannot_touch_others(
    office: Flask, bob: User, dora: User
) -> None:
    db.session.add(OfficeSettings(id=1, restricts_agents=True))
    make_contact("Anna", phones=(ANNA,), responsible=dora)
    db.session.commit()
    db.session.info.clear()
    call("a", ANNA)
    call("b", STRANGER)
    theirs, pool = open_call_backs()
    call_backs.take(pool.id, bob)
    with pytest.raises(NotFoundError):
        call_backs.take(theirs.id, bob)
