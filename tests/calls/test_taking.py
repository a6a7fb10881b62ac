"""Earlier calls go along with a number that somebody gets, and with an extension; and back."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, insert, select

from crm_app.accounts import services as accounts
from crm_app.accounts.models import User
from crm_app.calls.models import Call, CallLeg
from crm_app.calls.store import upkeep
from crm_app.calls.taking import services
from crm_app.calls.taking.models import TakenCalls
from crm_app.contacts.models import PhoneKind
from crm_app.contacts.services import add_phone
from crm_app.demo import make_contact
from crm_app.extensions import db
from crm_app.jobs.models import Job
from crm_app.journal.models import JournalEntry
from tests.calls.test_call_log import ANA, NOON, answered, missed
from tests.owed import perform

SignIn = Callable[[User], FlaskClient]


def settle() -> None:
    """Let the steps that are owed be done."""
    perform("take_calls", "give_calls_back")
    db.session.expire_all()


def of(call_id: int) -> tuple[int | None, int | None, bool]:
    """Say whom a call is with, whose it is, and whether somebody chose that."""
    call = db.session.get_one(Call, call_id)
    return call.contact_id, call.responsible_id, call.contact_is_chosen


def test_a_number_added_later_takes_its_calls_along_in_one_step_and_back(
    bob: User, client_of: SignIn
) -> None:
    first, second = missed(name="in_1"), answered(name="in_2")
    ana = make_contact("Ana Sousa", responsible=bob)
    add_phone(ana, ANA, PhoneKind.MOBILE, bob)
    db.session.commit()
    settle()
    assert of(first) == of(second) == (ana.id, bob.id, False)
    browser = client_of(bob)
    page = browser.get(f"/contacts/{ana.id}").text
    assert "2 calls from" in page
    (taken,) = db.session.scalars(select(TakenCalls))
    assert page.count(f'action="/calls/taken/{taken.id}/undo"') == 1
    browser.post(f"/calls/taken/{taken.id}/undo")
    settle()
    assert of(first) == of(second) == (None, None, True)
    page = browser.get(f"/contacts/{ana.id}").text
    assert f"/calls/taken/{taken.id}/undo" not in page
    assert of(missed(name="in_3", at=NOON + timedelta(hours=1)))[0] == ana.id


def test_without_the_number_the_calls_are_as_they_were(bob: User) -> None:
    first = missed(name="in_1")
    ana = make_contact("Ana Sousa", phones=(ANA,))
    settle()
    ana.phones = []
    services.undo(db.session.scalars(select(TakenCalls)).one(), bob)
    db.session.commit()
    settle()
    assert of(first) == (None, None, False)


def test_a_number_that_two_have_takes_nothing(bob: User) -> None:
    first = missed(name="in_1")
    make_contact("Ana Sousa", phones=(ANA,))
    make_contact("Rui Sousa", phones=(ANA,))
    settle()
    assert of(first) == (None, None, False)
    assert db.session.scalars(select(TakenCalls)).all() == []


def test_what_somebody_said_about_a_call_stays(bob: User, client_of: SignIn) -> None:
    first = missed(name="in_1")
    rui = make_contact("Rui Costa")
    client_of(bob).post(f"/calls/{first}/attach", data={"contact_id": str(rui.id)})
    make_contact("Ana Sousa", phones=(ANA,))
    settle()
    assert of(first)[0] == rui.id


def test_ten_thousand_calls_are_taken_in_steps(bob: User) -> None:
    pattern = db.session.get_one(Call, missed(name="in_1"))
    row = {
        column.name: getattr(pattern, column.name)
        for column in Call.__table__.columns
        if column.name != "id"
    }
    rows = [row | {"pbx_call_id": f"in_x{number:05}"} for number in range(9_999)]
    db.session.execute(insert(Call), rows)
    db.session.commit()
    ana = make_contact("Ana Sousa", phones=(ANA,))
    # Each step waits for the one before, so that calls which come in are written between them.
    is_open = select(Job.id).where(Job.kind == services.TAKE, Job.done_at.is_(None))
    while db.session.scalar(is_open) is not None:
        settle()
    theirs = select(func.count(Call.id)).where(Call.contact_id == ana.id)
    assert db.session.scalar(theirs) == 10_000
    (entry,) = db.session.scalars(select(JournalEntry).where(JournalEntry.action == "calls_taken"))
    assert entry.changes["calls_taken"]["new"]["value"][1:] == [ANA, 10_000]


@pytest.mark.parametrize("rebuilds", [False, True])
def test_an_extension_chosen_weeks_late_takes_its_calls_along_and_back(
    carol: User, alice: User, client_of: SignIn, rebuilds: bool
) -> None:
    talk = answered(name="in_1")
    accounts.set_extension(carol, "101", alice)
    db.session.commit()
    settle()
    if rebuilds:
        upkeep.rebuild(db.session, rest=lambda _seconds: None)
        db.session.expire_all()
    call = db.session.get_one(Call, talk)
    assert call.user_id == carol.id
    assert {leg.user_id for leg in call.legs} == {carol.id}
    browser = client_of(alice)
    assert "1 call of extension 101" in browser.get(f"/calls/taken-by/{carol.id}").text
    (taken,) = db.session.scalars(select(TakenCalls))
    browser.post(f"/calls/taken/{taken.id}/undo")
    settle()
    assert db.session.get_one(Call, talk).user_id is None
    legs = db.session.scalars(select(CallLeg).where(CallLeg.call_id == talk))
    assert {leg.user_id for leg in legs} == {None}


def test_the_calls_of_who_had_the_extension_before_stay_theirs(
    bob: User, carol: User, alice: User
) -> None:
    talk = answered(name="in_1")
    accounts.set_extension(bob, None, alice)
    accounts.set_extension(carol, "101", alice)
    db.session.commit()
    settle()
    assert db.session.get_one(Call, talk).user_id == bob.id


def test_only_who_may_change_a_contact_takes_its_calls_back(
    bob: User, alice: User, client_of: SignIn
) -> None:
    accounts.set_extension(alice, "105", alice)
    answered(name="in_1")
    db.session.commit()
    taken = TakenCalls(owner_id=alice.id, extension="105", count=1)
    db.session.add(taken)
    db.session.commit()
    assert client_of(bob).post(f"/calls/taken/{taken.id}/undo").status_code == 404
    assert client_of(bob).get(f"/calls/taken-by/{alice.id}").status_code == 403
