"""A number finds the contacts it belongs to."""

import pytest
from flask import Flask

from crm_app import clock
from crm_app.accounts.models import User
from crm_app.contacts.models import ContactKind, PhoneKind
from crm_app.contacts.numbers import caller
from crm_app.contacts.numbers.caller import Caller, find_callers
from crm_app.contacts.services import add_phone, matching
from crm_app.demo import make_contact
from crm_app.extensions import db


def callers(number: str) -> list[Caller]:
    return find_callers(db.session.connection(), number)


def test_it_tells_who_calls_where_they_work_and_who_answers_for_them(app: Flask, bob: User) -> None:
    acme = make_contact("Acme", kind=ContactKind.COMPANY)
    ana = make_contact(
        "Ana", phones=("912 345 678",), company=acme, responsible=bob, do_not_call=True
    )

    assert callers("+351912345678") == [Caller(ana.id, "Ana", "Acme", bob.id, True)]


def test_it_finds_a_contact_by_any_of_its_numbers(app: Flask) -> None:
    ana = make_contact("Ana", phones=("912 345 678", "211 234 567"))

    assert [contact.id for contact in matching("+351211234567")] == [ana.id]


def test_it_names_all_who_share_a_number_with_real_names_first(app: Flask) -> None:
    nameless = make_contact("+351 912 345 678", phones=("912345678",))
    ana = make_contact("Ana", phones=("912345678",))
    rui = make_contact("Rui", phones=("912345678",))

    assert [caller.contact_id for caller in callers("+351912345678")] == [
        ana.id, rui.id, nameless.id,
    ]  # fmt: skip


def test_it_does_not_find_those_in_the_bin(app: Flask) -> None:
    make_contact("Ana", phones=("912345678",), deleted_at=clock.now())

    assert callers("+351912345678") == []


def test_it_takes_the_last_nine_digits_when_the_country_code_is_wrong(app: Flask) -> None:
    ana = make_contact("Ana", phones=("912345678",))

    assert [caller.contact_id for caller in callers("+000912345678")] == [ana.id]
    assert [caller.contact_id for caller in callers("+912345678")] == [ana.id]


def test_it_does_not_guess_between_two_that_the_last_nine_digits_fit(app: Flask) -> None:
    make_contact("Ana", phones=("912345678",))
    make_contact("Rui", phones=("912345678",))

    assert callers("+000912345678") == []


def test_it_does_not_take_a_phone_in_another_country_for_ours(app: Flask) -> None:
    make_contact("Ana", phones=("+351 912 345 678",))

    assert callers("+34912345678") == []


@pytest.mark.parametrize("number", ["", "101", "+", "12345"])
def test_it_does_not_look_for_extensions_and_hidden_numbers(app: Flask, number: str) -> None:
    make_contact("Ana", phones=("912345678",))

    assert callers(number) == []


@pytest.mark.parametrize("number", ["+351912345678", "+351999888777"])
def test_it_asks_the_database_once_for_a_known_and_an_unknown_number(
    app: Flask, number: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_contact("Ana", phones=("912345678",))
    asked = []
    ask = caller.ask
    monkeypatch.setattr(caller, "ask", lambda *args: asked.append(args) or ask(*args))

    callers(number)

    assert len(asked) == 1


def test_it_finds_a_number_that_was_added_later(app: Flask, bob: User) -> None:
    ana = make_contact("Ana", phones=("912345678",))

    first = add_phone(ana, "+351963111222", PhoneKind.WORK, bob)
    again = add_phone(ana, "+351963111222", PhoneKind.HOME, bob)
    db.session.commit()

    assert [contact.id for contact in matching("+351963111222")] == [ana.id]
    assert first.id == again.id
    assert ana.main_phone is not None
    assert ana.main_phone.number == "+351912345678"
