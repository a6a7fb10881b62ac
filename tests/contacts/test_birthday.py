"""The birthday of a contact: a day of the calendar, in the past, known or not."""

import re
from collections.abc import Callable
from datetime import date

import pytest
import time_machine
from flask.testing import FlaskClient

from crm_app.accounts.models import User
from crm_app.contacts.fields import ContactDraft
from crm_app.contacts.models import Contact
from crm_app.contacts.services import update_contact
from crm_app.demo import make_contact
from crm_app.errors import InvalidInputError
from crm_app.extensions import db
from crm_app.journal.models import JournalEntry
from crm_app.records.undo import undo
from tests.contacts.sent_forms import sent

ClientOf = Callable[[User], FlaskClient]
LEAP_DAY = date(1984, 2, 29)


@pytest.fixture
def ana(bob: User) -> Contact:
    """A contact of Bob's whose birthday is known."""
    return make_contact("Ana", responsible_id=bob.id, birthday=LEAP_DAY)


def birthday_of(contact: Contact) -> date | None:
    db.session.expire_all()
    return contact.birthday


def test_it_is_shown_on_the_card_and_in_the_form(
    ana: Contact, bob: User, client_of: ClientOf
) -> None:
    card = client_of(bob).get(f"/contacts/{ana.id}").text
    assert re.search(r"<dt>Birthday</dt>\s*<dd>29 February 1984</dd>", card)
    form = client_of(bob).get(f"/contacts/{ana.id}/edit").text
    assert 'type="date" value="1984-02-29"' in form


def test_it_says_nothing_of_a_day_that_is_not_known(bob: User, client_of: ClientOf) -> None:
    rui = make_contact("Rui", responsible_id=bob.id)
    assert "Birthday" not in client_of(bob).get(f"/contacts/{rui.id}").text


@pytest.mark.parametrize(("typed", "kept"), [("", None), ("2000-01-31", date(2000, 1, 31))])
def test_it_is_changed_or_emptied_in_the_form(
    ana: Contact, bob: User, client_of: ClientOf, typed: str, kept: date | None
) -> None:
    client, url = client_of(bob), f"/contacts/{ana.id}/edit"
    answer = client.post(url, data=sent(client.get(url).text, birthday=typed))
    assert (answer.status_code, birthday_of(ana)) == (303, kept)


@time_machine.travel("2026-03-02 10:00Z", tick=False)
@pytest.mark.parametrize("typed", ["2026-03-03", "1849-12-31", "31/12/1980", "soon", "2023-02-29"])
def test_it_refuses_what_is_no_day_of_the_past(
    ana: Contact, bob: User, client_of: ClientOf, typed: str
) -> None:
    client, url = client_of(bob), f"/contacts/{ana.id}/edit"
    answer = client.post(url, data=sent(client.get(url).text, birthday=typed))
    assert answer.status_code == 422
    assert 'id="birthday-error"' in answer.text
    assert birthday_of(ana) == LEAP_DAY


@time_machine.travel("2026-03-02 10:00Z", tick=False)
def test_it_refuses_a_day_to_come_below_the_forms() -> None:
    with pytest.raises(InvalidInputError) as refused:
        ContactDraft(birthday=date(2026, 3, 3))
    assert (refused.value.code, refused.value.field) == ("day_in_future", "birthday")
    assert ContactDraft(birthday=date(2026, 3, 2)).birthday == date(2026, 3, 2)


def test_its_changes_stand_in_the_history_and_can_be_undone(
    ana: Contact, bob: User, client_of: ClientOf
) -> None:
    update_contact(ana, ContactDraft(birthday=None), bob)
    db.session.commit()
    history = client_of(bob).get(f"/contacts/{ana.id}").text
    assert "Birthday" in history
    assert "1984" in history
    entry = db.session.scalars(JournalEntry.of("contact", ana.id).limit(1)).one()
    undo(entry, bob)
    db.session.commit()
    assert birthday_of(ana) == LEAP_DAY


def test_two_colleagues_do_not_overwrite_it(ana: Contact, bob: User, client_of: ClientOf) -> None:
    client, url = client_of(bob), f"/contacts/{ana.id}/edit"
    mine = sent(client.get(url).text, job_title="Chef")
    update_contact(ana, ContactDraft(birthday=date(1985, 1, 1)), bob)
    db.session.commit()
    told = client.post(url, data=mine)
    assert told.status_code == 409
    assert client.post(url, data=sent(told.text)).status_code == 303
    assert (birthday_of(ana), ana.job_title) == (date(1985, 1, 1), "Chef")
