"""A click is about the call that comes of it, and about no other."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from crm_app import clock
from crm_app.accounts.models import User
from crm_app.calls.models import Call, CallFact
from crm_app.demo import make_contact, make_lead
from crm_app.extensions import db
from crm_app.telephony.models import DialRequest, DialState
from tests.telephony.conftest import Post, start_fields

CLIENT = "+351910000042"
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
