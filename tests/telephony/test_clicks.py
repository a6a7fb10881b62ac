"""A click is about the call that comes of it and about no other, and dials once."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from flask.testing import FlaskClient
from sqlalchemy import func, select

from crm_app import clock
from crm_app.accounts.models import User
from crm_app.calls.models import Call, CallFact
from crm_app.demo import make_contact, make_lead
from crm_app.errors import InvalidInputError
from crm_app.extensions import db
from crm_app.telephony.dialling import placing, services
from crm_app.telephony.dialling.models import DialRequest, DialState
from crm_app.telephony.zadarma.replies import Balance
from tests.telephony.conftest import Post, start_fields

CLIENT = "+351910000042"
HTMX = {"HX-Request": "true"}
INSIDE = {"caller_id": "101", "called_did": "351210000001"}


def click(user: User, state: DialState, minutes_ago: float = 0, **values: Any) -> int:
    """Let a user have clicked the client's number some time ago."""
    wish = DialRequest(
        user_id=user.id, extension=user.extension, number=CLIENT, state=state,
        created_at=clock.now() - timedelta(minutes=minutes_ago), **values,
    )  # fmt: skip
    db.session.add(wish)
    db.session.commit()
    return wish.id


def tell(post: Post, event: str, **fields: str) -> None:
    """Let the PBX say one thing of a call."""
    # What is open here would keep the webhook from writing.
    db.session.rollback()
    assert post(start_fields(event=event, **fields)).status_code == 200


def the_call() -> Call:
    return db.session.scalars(select(Call)).one()


@pytest.mark.parametrize("is_answered", [True, False])
def test_a_call_between_colleagues_leaves_the_click_to_the_client_open(
    post: Post, bob: User, is_answered: bool
) -> None:
    lead = make_lead("Roof", contact=make_contact("Ana Sousa", phones=(CLIENT,)))
    wish_id = click(bob, DialState.EXPIRED, 2, lead_id=lead.id)
    tell(post, "NOTIFY_START", **INSIDE)
    tell(post, "NOTIFY_INTERNAL", internal="102", **INSIDE)
    if is_answered:
        tell(post, "NOTIFY_ANSWER", caller_id="101", destination="102", internal="102")
    result = {"disposition": "answered", "duration": "16"} if is_answered else {
        "disposition": "no answer", "duration": "0"
    }  # fmt: skip
    tell(post, "NOTIFY_END", **INSIDE, **result)
    call = the_call()
    assert (call.direction, call.outside_number) == ("internal", "")
    assert (call.contact_id, call.lead_id) == (None, None)
    wish = db.session.get_one(DialRequest, wish_id)
    assert (wish.state, wish.pbx_call_id) == (DialState.EXPIRED, "")


def test_what_is_heard_later_of_a_call_is_not_of_an_older_click(post: Post, bob: User) -> None:
    old = make_lead("An old roof").id
    click(bob, DialState.EXPIRED, 5, lead_id=old)
    newer = click(bob, DialState.ACCEPTED)
    told = {"pbx_call_id": "out_1", "destination": "351910000042", "internal": "101"}
    tell(post, "NOTIFY_OUT_START", **told)
    tell(post, "NOTIFY_ANSWER", **told | {"caller_id": "101"})
    tell(post, "NOTIFY_OUT_END", **told, disposition="answered", duration="9")
    states = {wish.id: wish.state for wish in db.session.scalars(select(DialRequest))}
    assert (states[newer], set(states.values())) == (
        DialState.CONNECTED,
        {DialState.CONNECTED, DialState.EXPIRED},
    )
    assert the_call().lead_id is None
    dialled = select(func.count(CallFact.id)).where(CallFact.kind == "dialled")
    assert db.session.scalar(dialled) == 1


class SlowPbx:
    """An API that says yes to everything, after something has happened; counts its callbacks."""

    def __init__(self, meanwhile: Callable[[], object] = lambda: None) -> None:
        self.meanwhile = meanwhile
        self.dialled: list[str] = []

    def extension_status(self, extension: str) -> bool:
        self.meanwhile()
        return bool(extension)

    def balance(self) -> Balance:
        return Balance(1_000, "EUR")

    def request_callback(self, extension: str, number: str) -> None:
        self.dialled.append(number)


def place(pbx: SlowPbx, order: services.NewDialRequest) -> DialRequest:
    """Click, and give the wish that came of it."""
    dial_id = placing.place(order, pbx)  # type: ignore[arg-type]
    wish = db.session.get_one(DialRequest, dial_id)
    db.session.expunge(wish)
    db.session.rollback()
    return wish


@pytest.fixture
def order(bob: User) -> services.NewDialRequest:
    return services.NewDialRequest(bob.id, "101", CLIENT, "PT")


def expire() -> int:
    """Give up old dial requests, as the worker does."""
    count = services.expire()
    db.session.commit()
    return count


@pytest.mark.parametrize("gives_up", [expire, lambda: None])
def test_a_wish_that_was_given_up_during_the_checks_is_not_dialled(
    order: services.NewDialRequest, gives_up: Callable[[], object]
) -> None:
    quick, late = SlowPbx(), SlowPbx()
    with time_machine.travel("2026-03-02 09:15:00+00:00", tick=False) as traveller:

        def meanwhile() -> None:
            traveller.shift(timedelta(seconds=46))
            gives_up()
            place(quick, order)

        late.meanwhile = meanwhile
        first = place(late, order)
        assert (quick.dialled, late.dialled) == ([CLIENT], [])
        assert (first.state, first.error_code) == (DialState.FAILED, "timed_out")
        assert place(quick, order).state == DialState.ACCEPTED
        assert quick.dialled == [CLIENT]


def test_the_time_to_wait_for_a_call_begins_when_the_pbx_is_asked(
    order: services.NewDialRequest,
) -> None:
    with time_machine.travel("2026-03-02 09:15:00+00:00", tick=False) as traveller:
        pbx = SlowPbx(lambda: traveller.shift(timedelta(seconds=40)))
        place(pbx, order)
        traveller.shift(timedelta(seconds=30))
        assert expire() == 0
        place(pbx, order)
        assert pbx.dialled == [CLIENT]


def test_a_number_is_not_dialled_again_while_its_call_goes_on_unless_that_is_meant(
    post: Post, order: services.NewDialRequest, bob: User, client_of: Callable[[User], FlaskClient]
) -> None:
    pbx = SlowPbx()
    told = {"pbx_call_id": "out_1", "destination": "351910000042", "internal": "101"}
    with time_machine.travel("2026-03-02 09:15:00+00:00", tick=False) as traveller:
        place(pbx, order)
        tell(post, "NOTIFY_OUT_START", **told)
        traveller.shift(timedelta(minutes=5))
        with pytest.raises(InvalidInputError, match="in_call"):
            place(pbx, order)
        assert pbx.dialled == [CLIENT]
        db.session.rollback()
        answer = client_of(bob).post("/telephony/dial", data={"number": CLIENT}, headers=HTMX)
        db.session.rollback()
        assert "A call with this number is going on." in answer.text
        assert 'name="confirm" value="yes"' in answer.text
        # Its end may have been lost; the PBX would tell of it no more.
        place(pbx, replace(order, is_confirmed=True))
        assert pbx.dialled == [CLIENT] * 2


def test_a_number_can_be_dialled_again_when_its_call_is_over(
    post: Post, order: services.NewDialRequest
) -> None:
    pbx = SlowPbx()
    told = {"pbx_call_id": "out_1", "destination": "351910000042", "internal": "101"}
    place(pbx, order)
    tell(post, "NOTIFY_OUT_START", **told)
    tell(post, "NOTIFY_OUT_END", **told, disposition="busy", duration="0")
    db.session.rollback()
    place(pbx, order)
    assert pbx.dialled == [CLIENT] * 2
