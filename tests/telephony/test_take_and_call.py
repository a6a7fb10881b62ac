"""Take and call: a call-back that was taken for a call of which nothing comes is released again."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from crm_app.accounts.models import User
from crm_app.callbacks import services as call_backs
from crm_app.callbacks.models import CallBack, CallBackEvent
from crm_app.extensions import db
from crm_app.telephony.dialling import services
from crm_app.telephony.dialling.models import DialRequest, DialState
from crm_app.telephony.zadarma.errors import ErrorCode
from tests.telephony.test_dialling_in_place import ANA, RUI, Pbx, ask, place, refusal, rows

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
Clock = time_machine.Traveller


class OfflinePbx(Pbx):
    """An API that says of every phone that it is switched off."""

    def extension_status(self, extension: str) -> bool:
        return False


@pytest.fixture
def noon(app: Flask) -> Iterator[Clock]:
    with time_machine.travel(NOON, tick=False) as traveller:
        yield traveller


@pytest.fixture
def row(noon: Clock) -> CallBack:
    found = CallBack(number=ANA)
    db.session.add(found)
    db.session.commit()
    return found


def holder(row: CallBack) -> int | None:
    db.session.expire_all()
    return row.taken_by_id


def kinds() -> list[str]:
    return list(db.session.scalars(select(CallBackEvent.kind).order_by(CallBackEvent.id)))


def give_up(noon: Clock) -> None:
    noon.shift(timedelta(seconds=31))
    services.expire()
    db.session.commit()


@pytest.mark.parametrize(
    "pbx", [OfflinePbx(), Pbx(ErrorCode.WRONG_REQUEST)], ids=["offline", "refused"]
)
def test_what_failed_releases_it_at_once_and_the_next_try_takes_it_again(
    row: CallBack, bob: User, pbx: Pbx
) -> None:
    for tries in (1, 2):
        place(pbx, ask(bob, call_back_id=row.id))
        assert holder(row) is None
        assert kinds() == ["taken", "not_called"] * tries
    place(Pbx(), ask(bob, call_back_id=row.id))
    assert holder(row) == bob.id


def test_the_row_of_the_call_says_so(
    row: CallBack, bob: User, client_of: Callable[[User], FlaskClient]
) -> None:
    dial_id = place(OfflinePbx(), ask(bob, call_back_id=row.id))
    browser, says = client_of(bob), "The call-back is released again."
    page = browser.get("/telephony/dials").text
    assert says in page
    assert f'id="dial-{dial_id}"' in page
    assert "Released: no call came of it" in browser.get(f"/callbacks/{row.id}").text
    place(OfflinePbx(), ask(bob, RUI))
    assert says not in browser.get("/telephony/dials").text


def test_what_they_had_before_stays_theirs(row: CallBack, bob: User) -> None:
    call_backs.take(row.id, bob)
    db.session.commit()
    place(OfflinePbx(), ask(bob, call_back_id=row.id))
    assert holder(row) == bob.id


def test_of_what_rang_nowhere_it_is_released_once_it_is_given_up(
    noon: Clock, row: CallBack, bob: User
) -> None:
    place(Pbx(), ask(bob, call_back_id=row.id))
    assert holder(row) == bob.id
    give_up(noon)
    assert holder(row) is None


def test_while_the_own_phone_rings_it_stays_theirs_and_goes_when_nobody_picks_up(
    noon: Clock, row: CallBack, bob: User
) -> None:
    dial_id = place(Pbx(), ask(bob, call_back_id=row.id))
    db.session.get_one(DialRequest, dial_id).pbx_call_id = "in_1"
    db.session.commit()
    give_up(noon)
    assert holder(row) == bob.id
    dial = db.session.get_one(DialRequest, dial_id)
    dial.state, dial.error_code = DialState.FAILED, "not_picked_up"
    db.session.commit()
    give_up(noon)
    assert holder(row) is None


def test_a_call_that_came_keeps_it(noon: Clock, row: CallBack, bob: User) -> None:
    dial_id = place(Pbx(), ask(bob, call_back_id=row.id))
    dial = db.session.get_one(DialRequest, dial_id)
    dial.state, dial.pending_key = DialState.CONNECTED, None
    db.session.commit()
    give_up(noon)
    assert holder(row) == bob.id


def test_what_was_worked_on_since_stays_theirs(noon: Clock, row: CallBack, bob: User) -> None:
    place(Pbx(), ask(bob, call_back_id=row.id))
    call_backs.add_note(row.id, "Wants the blue one", bob)
    db.session.commit()
    give_up(noon)
    assert holder(row) == bob.id
    assert rows()[0].call_back_event_id is None


def test_what_a_colleague_has_by_now_stays_the_colleagues(
    noon: Clock, row: CallBack, bob: User, dora: User
) -> None:
    place(Pbx(), ask(bob, call_back_id=row.id))
    call_backs.release(row.id, bob)
    call_backs.take(row.id, dora)
    db.session.commit()
    give_up(noon)
    assert holder(row) == dora.id


def test_taken_while_the_phone_rings_for_the_same_number_it_goes_with_that_call(
    noon: Clock, row: CallBack, bob: User
) -> None:
    place(Pbx(), ask(bob))
    place(Pbx(), ask(bob, call_back_id=row.id))
    assert len(rows()) == 1
    assert holder(row) == bob.id
    give_up(noon)
    assert holder(row) is None


def test_pressed_again_after_nothing_came_it_is_taken_for_the_second_call(
    noon: Clock, row: CallBack, bob: User
) -> None:
    place(Pbx(), ask(bob, call_back_id=row.id))
    noon.shift(timedelta(seconds=31))
    place(Pbx(), ask(bob, call_back_id=row.id))
    assert holder(row) == bob.id
    assert kinds() == ["taken", "not_called", "taken"]


def test_while_the_phone_rings_for_another_number_nothing_is_taken(
    row: CallBack, bob: User
) -> None:
    place(Pbx(), ask(bob, RUI))
    assert refusal(Pbx(), ask(bob, call_back_id=row.id)).code == "already_ringing"
    assert holder(row) is None


def test_the_window_of_the_phone_that_is_silent_releases_it(
    noon: Clock, row: CallBack, bob: User
) -> None:
    place(Pbx(), ask(bob, call_back_id=row.id, is_in_browser=True))
    assert holder(row) == bob.id
    give_up(noon)
    assert holder(row) is None
