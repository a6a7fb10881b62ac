"""The sample office: laid once into an empty database, never over a real one."""

import pytest
from flask import Flask
from sqlalchemy import func, select

from crm_app import demo_office
from crm_app.accounts.models import User
from crm_app.calls.models import Call
from crm_app.contacts.models import Contact
from crm_app.demo import make_contact, make_user
from crm_app.errors import RamalError
from crm_app.extensions import db
from crm_app.jobs.models import Job
from crm_app.leads.models import Lead
from crm_app.tasks.models import Task


def counts() -> list[int]:
    """How many there are of each."""
    models = (User, Contact, Lead, Task, Call)
    return [db.session.scalar(select(func.count()).select_from(model)) or 0 for model in models]


def test_it_lays_the_same_office_once_and_clears_it(app: Flask) -> None:
    first = demo_office.load()
    before = counts()
    assert min(before) > 0
    assert before[-1] == demo_office.CALLS + len(demo_office.MISSED_MINUTES_AGO)
    # Its calls are history: nobody is asked to call anybody back.
    assert db.session.scalar(select(func.count(Job.id))) == 0
    second = demo_office.load()
    assert counts() == before
    assert [card.email for card in first] == [card.email for card in second]
    assert not {card.password for card in first} & {card.password for card in second}
    assert all(number.startswith("+351") for _, number in demo_office.known_clients())
    assert demo_office.clear() > sum(before)
    assert counts() == [0] * 5


def test_it_lets_everybody_sign_in_with_the_printed_password(app: Flask) -> None:
    card = demo_office.load()[0]
    browser = app.test_client()
    answer = browser.post("/login", data={"email": card.email, "password": card.password})
    assert answer.status_code in {302, 303}
    assert browser.get("/contacts").status_code == 200


def test_it_does_not_touch_a_real_office(app: Flask) -> None:
    make_user("Real Person")
    make_contact("Real Client", phones=("912 345 678",))
    before = counts()
    with pytest.raises(RamalError, match="real office"):
        demo_office.load()
    with pytest.raises(RamalError, match="nothing was deleted"):
        demo_office.clear()
    assert counts() == before
