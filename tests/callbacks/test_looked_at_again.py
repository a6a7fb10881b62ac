"""Open call-backs follow the client's responsible, and what happened while they were off."""

import pytest
from flask import Flask

from crm_app.accounts.models import User
from crm_app.callbacks import projection
from crm_app.callbacks import services as call_backs
from crm_app.callbacks.models import CallBack
from crm_app.contacts import services as contacts
from crm_app.contacts.fields import ContactDraft
from crm_app.contacts.models import Contact
from crm_app.demo import make_contact
from crm_app.extensions import db
from crm_app.records.bin import put_in_bin
from crm_app.telephony import services
from tests.callbacks.ended_calls import ANNA, STRANGER, call, open_call_backs, who
from tests.questions import questions


@pytest.fixture
def row(responsible: User) -> CallBack:
    """Anna of the company Roofs waits; the contact is nobody's, the company Bob's."""
    company = make_contact("Roofs", kind="company", responsible=responsible)
    make_contact("Anna", phones=(ANNA,), company=company)
    call("a", ANNA)
    (row,) = open_call_backs()
    assert row.owner_id == responsible.id
    return row


def belongs_to(contact: Contact | None, user: User | None, by: User) -> None:
    assert contact is not None
    draft = ContactDraft(responsible_id=user.id if user else None)
    contacts.update_contact(contact, draft, by)
    db.session.commit()


class TestResponsible:
    def test_it_goes_to_who_becomes_responsible_for_the_client(
        self, row: CallBack, responsible: User, dora: User
    ) -> None:
        row.reminded_at = row.due_at
        belongs_to(row.contact, dora, responsible)
        (row,) = open_call_backs()
        assert (row.owner_id, row.reminded_at) == (dora.id, None)

    def test_it_goes_to_who_becomes_responsible_for_the_company(
        self, row: CallBack, responsible: User, dora: User
    ) -> None:
        assert row.contact is not None
        belongs_to(row.contact.company, dora, responsible)
        (row,) = open_call_backs()
        assert row.owner_id == dora.id

    def test_it_goes_to_the_responsible_of_a_company_that_the_client_leaves_for(
        self, row: CallBack, responsible: User, dora: User
    ) -> None:
        other = make_contact("Walls", kind="company", responsible=dora)
        assert row.contact is not None
        contacts.update_contact(row.contact, ContactDraft(company_id=other.id), responsible)
        db.session.commit()
        (row,) = open_call_backs()
        assert row.owner_id == dora.id

    def test_a_company_in_the_bin_is_responsible_for_nobody(
        self, responsible: User, dora: User
    ) -> None:
        company = make_contact("Roofs", kind="company", responsible=dora)
        make_contact("Anna", phones=(ANNA,), company=company)
        put_in_bin(company, dora)
        db.session.commit()
        call("a", ANNA)
        (row,) = open_call_backs()
        assert row.owner_id == responsible.id

    @pytest.mark.parametrize("verb", ["taken", "given"])
    def test_one_that_somebody_has_taken_or_been_given_stays_theirs(
        self, row: CallBack, responsible: User, carol: User, dora: User, verb: str
    ) -> None:
        if verb == "taken":
            call_backs.take(row.id, carol)
        else:
            call_backs.reassign(row.id, carol.id, responsible)
        belongs_to(row.contact, dora, responsible)
        (row,) = open_call_backs()
        assert row.holder_id == carol.id

    def test_a_contact_who_does_not_wait_owes_nothing(self, responsible: User, dora: User) -> None:
        anna = make_contact("Anna", phones=(ANNA,))
        db.session.commit()
        with questions() as asked:
            contacts.update_contact(anna, ContactDraft(responsible_id=dora.id), responsible)
        assert not [one for one in asked if "INSERT INTO job" in one]
        db.session.commit()


class TestSwitch:
    def test_who_talked_while_it_was_off_does_not_wait_when_it_is_on_again(
        self, office: Flask, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(projection, "_AT_ONCE", 1)
        for name, number in (("a", STRANGER), ("b", ANNA), ("c", "+351913000100")):
            call(name, number)
        assert len(who()) == 3
        services.set_switches({"call_backs": "off"})
        db.session.commit()
        call("d", STRANGER, out=True, answered=True)
        call("e", "+351913000100", answered=True)
        assert len(who()) == 3
        services.set_switches({"call_backs": "on"})
        db.session.commit()
        # A step of the job rests before the next one.
        assert [who() for _ in range(4)][-1] == [ANNA]

    def test_other_switches_look_at_nothing(self, office: Flask) -> None:
        with questions() as asked:
            services.set_switches({"ghost_seconds": 7})
        assert not [one for one in asked if "INSERT INTO job" in one]
        db.session.commit()
