"""Who calls a client is asked first while a colleague is with them, on whichever number."""

from typing import Any

import pytest
from flask import Flask

from crm_app.accounts.models import User
from crm_app.accounts.services import change_office
from crm_app.calls.fold.facts import FactKind
from crm_app.contacts.models import Contact
from crm_app.demo import make_contact
from tests.telephony.test_dialling_in_place import ANA, RUI, Pbx, ask, place, refusal, tell


@pytest.fixture
def ana(connected: Flask, dora: User) -> Contact:
    return make_contact("Ana", phones=(ANA, RUI), responsible=dora)


def test_a_colleague_whose_phone_rings_for_their_other_number_is_named(
    ana: Contact, bob: User, dora: User
) -> None:
    place(Pbx(), ask(bob, ANA))
    refused = refusal(Pbx(), ask(dora, RUI))
    assert (refused.code, refused.details["who"]) == ("in_dial", bob.name)


def test_so_is_one_who_dials_a_number_that_is_not_theirs_on_their_page(
    ana: Contact, bob: User, dora: User
) -> None:
    place(Pbx(), ask(bob, "+351910000044", contact_id=ana.id))
    assert refusal(Pbx(), ask(dora, ANA)).code == "in_dial"


@pytest.mark.parametrize(("dialled", "asked"), [(ANA, RUI), (RUI, ANA)])
def test_so_is_one_who_talks_since_before_the_number_was_theirs(
    connected: Flask, bob: User, dora: User, dialled: str, asked: str
) -> None:
    said: dict[str, Any] = {"caller": "101", "extension": "101", "called": dialled}
    tell(FactKind.OUTGOING_STARTED, "out_1", **said)
    make_contact("Ana", phones=(ANA, RUI))
    assert refusal(Pbx(), ask(dora, asked)).details["who"] == bob.name


def test_a_number_is_known_in_each_of_its_forms(connected: Flask, bob: User, dora: User) -> None:
    make_contact("Bia", phones=("+5511987654321", ANA))
    place(Pbx(), ask(bob, "+551187654321"))
    assert refusal(Pbx(), ask(dora, ANA)).code == "in_dial"


def test_another_client_of_the_same_colleague_is_called_without_a_question(
    ana: Contact, bob: User, dora: User
) -> None:
    make_contact("Zita", phones=("+351910000045",))
    place(Pbx(), ask(bob, ANA))
    pbx = Pbx()
    place(pbx, ask(dora, "+351910000045"))
    assert pbx.dialled == ["+351910000045"]


def test_nobody_hears_of_a_client_whom_they_may_not_see(
    ana: Contact, alice: User, bob: User, dora: User
) -> None:
    change_office("", restricts_agents=True, by=alice)
    place(Pbx(), ask(dora, ANA))
    pbx = Pbx()
    place(pbx, ask(bob, RUI))
    assert pbx.dialled == [RUI]
