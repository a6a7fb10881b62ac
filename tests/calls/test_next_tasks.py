"""The next task of a write-up is with whom its call was with, whatever is found out later."""

from collections.abc import Callable
from datetime import UTC

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from crm_app.accounts.models import User
from crm_app.calls import services as calls
from crm_app.calls.models import Call
from crm_app.calls.taking import services as taking
from crm_app.calls.taking.models import TakenCalls
from crm_app.calls.wrapup import services as wrapups
from crm_app.calls.wrapup.services import WrittenUp
from crm_app.contacts.models import Contact, PhoneKind
from crm_app.contacts.services import add_phone
from crm_app.demo import make_contact
from crm_app.extensions import db
from crm_app.journal import services as journal
from crm_app.tasks.models import Task
from tests.calls.test_call_log import ANA, answered
from tests.calls.test_taking import settle

SignIn = Callable[[User], FlaskClient]


@pytest.fixture
def call(bob: User) -> Call:
    """A call of a stranger, which Bob has written up with a next task."""
    return written_up("in_1", bob)


def written_up(name: str, by: User) -> Call:
    call = db.session.get_one(Call, answered(name=name))
    wrapups.save(call, by, WrittenUp(chip="tomorrow"), UTC, f"Call about {name}")
    db.session.commit()
    return call


def whose() -> list[int | None]:
    db.session.expire_all()
    return list(db.session.scalars(select(Task.contact_id).order_by(Task.id)))


def test_it_goes_along_with_a_number_that_somebody_gets_and_back(call: Call, bob: User) -> None:
    assert whose() == [None]
    ana = make_contact("Ana Sousa", responsible=bob)
    add_phone(ana, ANA, PhoneKind.MOBILE, bob)
    db.session.commit()
    settle()
    assert whose() == [ana.id]
    taking.undo(db.session.scalars(select(TakenCalls)).one(), bob)
    db.session.commit()
    settle()
    assert whose() == [None]


def test_it_stays_nobodys_while_two_have_the_number(call: Call) -> None:
    make_contact("Ana Sousa", phones=(ANA,))
    make_contact("Rui Sousa", phones=(ANA,))
    settle()
    assert whose() == [None]


@pytest.mark.parametrize("keeps_number", [True, False])
def test_it_goes_along_when_somebody_says_whom_the_call_was_with(
    call: Call, bob: User, keeps_number: bool
) -> None:
    ana = make_contact("Ana Sousa")
    with journal.batch() as batch:
        calls.attach_contact(call, ana, bob, keeps_number=keeps_number)
    db.session.commit()
    settle()
    assert whose() == [ana.id]
    if not keeps_number:
        calls.attach_back(call, batch, bob)
        db.session.commit()
        assert whose() == [None]


def test_it_moves_on_to_another_contact_with_its_call_but_not_from_a_third(
    call: Call, bob: User
) -> None:
    written_up("in_2", bob)
    ana, rui, eva = (make_contact(name) for name in ("Ana Sousa", "Rui Costa", "Eva Reis"))
    calls.attach_contact(call, ana, bob)
    by_hand = db.session.scalars(select(Task).order_by(Task.id)).all()[1]
    by_hand.contact_id = eva.id
    db.session.commit()
    for one in db.session.scalars(select(Call)).all():
        calls.attach_contact(one, rui, bob)
    db.session.commit()
    assert whose() == [rui.id, eva.id]


def test_all_tasks_of_who_was_only_a_number_go_to_whom_it_is(
    call: Call, bob: User, client_of: SignIn
) -> None:
    stranger = make_contact("+351 910 000 001", phones=(ANA,))
    settle()
    assert not db.session.get_one(Contact, stranger.id).is_named
    db.session.add(Task(title="Send the offer", contact_id=stranger.id))
    db.session.commit()
    ana = make_contact("Ana Sousa")
    data = {"contact_id": ana.id, "keeps_number": "yes"}
    client_of(bob).post(f"/calls/{call.id}/attach", data=data)
    assert whose() == [ana.id, ana.id]
