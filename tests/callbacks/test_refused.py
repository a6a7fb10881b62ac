"""A number on the black list, a line of ours or a colleague's mobile is called back by nobody."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from crm_app import clock
from crm_app.accounts import services as accounts
from crm_app.accounts.models import User
from crm_app.callbacks import services as call_backs
from crm_app.callbacks.models import CallBack, CallBackEvent, DoneHow, EventKind
from crm_app.calls.fold.facts import Disposition, FactKind
from crm_app.calls.models import Call
from crm_app.demo import make_contact
from crm_app.extensions import db
from crm_app.telephony import services
from crm_app.telephony.models import BlockedNumber
from crm_app.telephony.routing import black_list
from crm_app.telephony.zadarma.replies import DirectNumber
from tests.callbacks.ended_calls import ANNA, STRANGER, call, listed, open_call_backs, say, who
from tests.telephony.test_new_clients import made, switch_on

ClientOf = Callable[[User], FlaskClient]
Missed = Callable[[], Call]
PATTERNS = [STRANGER, "+35191*"]


def with_lost_start() -> Call:
    """Let a phone ring and the call end, of which the start never came."""
    now = clock.now() - timedelta(minutes=5)
    say(FactKind.RANG, "in_lost", now, caller=STRANGER, extension="101")
    return say(FactKind.ENDED, "in_lost", now + timedelta(seconds=20), caller=STRANGER,
               extension="101", disposition=Disposition.NO_ANSWER)  # fmt: skip


def by_statistics() -> Call:
    """Let the statistics alone tell of a missed call."""
    return listed(STRANGER, "")


def block(pattern: str = STRANGER, by: User | None = None) -> BlockedNumber:
    """Put a number on the list."""
    row = black_list.block(pattern, "PT", by)
    db.session.commit()
    return row


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("missed", [with_lost_start, by_statistics])
def test_a_refused_number_is_not_called_back_however_its_call_becomes_known(
    office: Flask, missed: Missed, pattern: str
) -> None:
    block(pattern)
    missed()
    assert who() == []


@pytest.mark.parametrize("missed", [with_lost_start, by_statistics])
def test_the_list_does_nothing_while_it_is_off(
    office: Flask, responsible: User, missed: Missed
) -> None:
    services.set_switches({"black_list": "off"})
    switch_on()
    block()
    missed()
    assert who() == [STRANGER]
    assert len(made()[0]) == 1


def test_the_list_counts_as_it_was_when_the_call_was(office: Flask) -> None:
    row = block()
    row.expires_at = clock.now() - timedelta(minutes=1)
    db.session.commit()
    by_statistics()
    assert who() == []
    row.expires_at = clock.now() - timedelta(minutes=6)
    say(FactKind.LISTED, "in_after", clock.now() - timedelta(minutes=5), caller=STRANGER,
        disposition=Disposition.NO_ANSWER)  # fmt: skip
    assert who() == [STRANGER]


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("missed", [with_lost_start, by_statistics])
def test_a_refused_number_becomes_no_client(
    office: Flask, responsible: User, missed: Missed, pattern: str
) -> None:
    switch_on()
    block(pattern)
    missed()
    assert made() == ([], [])


@pytest.mark.parametrize("pattern", PATTERNS)
def test_who_is_put_on_the_list_need_not_be_called_back_any_more(
    office: Flask, bob: User, client_of: ClientOf, pattern: str
) -> None:
    call("a", STRANGER)
    (row,) = open_call_backs()
    row_id = row.id
    block(pattern, bob if pattern == STRANGER else None)
    assert open_call_backs() == []
    row = db.session.get_one(CallBack, row_id)
    assert row.done_how == DoneHow.HAND
    assert row.done_reason == "The number is on the black list."
    page = client_of(bob).get(f"/callbacks/{row_id}").text
    assert "The number is on the black list." in page
    assert ("Bob Agent" in page.split("callback-holder")[1].split("</p>")[0]) == (
        pattern == STRANGER
    )
    # What somebody opens again stays open, and who is taken off the list waits at the next miss.
    call_backs.reopen(row_id, bob)
    db.session.commit()
    assert who() == [STRANGER]
    call_backs.done(row_id, "Never mind", bob)
    black_list.unblock(pattern, "PT", None)
    db.session.commit()
    say(FactKind.LISTED, "in_last", clock.now() + timedelta(minutes=1), caller=STRANGER,
        disposition=Disposition.NO_ANSWER)  # fmt: skip
    assert who() == [STRANGER]


def test_a_client_who_called_from_another_number_too_still_waits(office: Flask, bob: User) -> None:
    make_contact("Ana", phones=(STRANGER, ANNA))
    call("a", STRANGER)
    call("b", ANNA)
    assert who() == ["Ana"]
    block(STRANGER)
    assert who() == ["Ana"]
    block(ANNA)
    assert who() == []


def test_what_colleagues_hold_is_finished_too_and_the_history_says_so(
    office: Flask, bob: User, dora: User
) -> None:
    call("a", STRANGER)
    (row,) = open_call_backs()
    row_id = row.id
    call_backs.take(row_id, dora)
    block(STRANGER, bob)
    assert open_call_backs() == []
    done = select(CallBackEvent).where(CallBackEvent.call_back_id == row_id)
    (event,) = db.session.scalars(done.where(CallBackEvent.kind == EventKind.DONE))
    assert (event.user_id, event.text) == (bob.id, "The number is on the black list.")


@pytest.mark.parametrize("switch", ["black_list", "call_backs"])
def test_nothing_is_finished_while_a_switch_is_off(office: Flask, bob: User, switch: str) -> None:
    call("a", STRANGER)
    assert who() == [STRANGER]
    services.set_switches({switch: "off"})
    db.session.commit()
    block(STRANGER, bob)
    assert who() == [STRANGER]


@pytest.mark.parametrize("way", ["mobile", "enabled", "line"])
def test_a_number_that_becomes_our_own_need_not_be_called_back_any_more(
    office: Flask, bob: User, alice: User, way: str
) -> None:
    if way == "enabled":
        accounts.set_mobile(bob, STRANGER, "PT", alice)
        accounts.disable(bob, alice)
        db.session.commit()
    call("a", STRANGER)
    (row,) = open_call_backs()
    row_id = row.id
    if way == "mobile":
        accounts.set_mobile(bob, STRANGER, "PT", alice)
    elif way == "enabled":
        accounts.enable(bob, alice)
    else:
        services.keep_numbers([DirectNumber(STRANGER, "", "on", "", renews_itself=True)])
    db.session.commit()
    assert open_call_backs() == []
    assert "own" in db.session.get_one(CallBack, row_id).done_reason


def test_it_is_finished_once(office: Flask, bob: User) -> None:
    call("a", STRANGER)
    (row,) = open_call_backs()
    row_id = row.id
    block(STRANGER, bob)
    block("+35191*")
    assert open_call_backs() == []
    done = select(func.count()).select_from(CallBackEvent)
    done = done.where(CallBackEvent.call_back_id == row_id, CallBackEvent.kind == EventKind.DONE)
    assert db.session.scalar(done) == 1
