"""Numbers of contacts: two formats of one telephone, short ones, doubtful ones, in the bin."""

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from crm_app import clock
from crm_app.accounts.models import User
from crm_app.contacts.models import Contact, PhoneKind
from crm_app.contacts.numbers.caller import find_callers
from crm_app.contacts.services import add_phone, in_bin_with
from crm_app.demo import make_contact
from crm_app.extensions import db
from crm_app.search.services import find

ClientOf = Callable[[User], FlaskClient]
PAIRS = [
    ("+5491123456789", "+541123456789"),
    ("+541123456789", "+5491123456789"),
    ("+5551987654321", "+555187654321"),
    ("+555187654321", "+5551987654321"),
    ("+39061234567", "+3961234567"),
    ("+3961234567", "+39061234567"),
    ("+525512345678", "+5215512345678"),
    ("+5215512345678", "+525512345678"),
]


def with_number(name: str, number: str) -> Contact:
    """Make a contact with a number as it stands, as one that rang is given to it."""
    contact = make_contact(name)
    add_phone(contact, number, PhoneKind.MOBILE, None)
    db.session.commit()
    return contact


def callers(number: str) -> list[int]:
    return [caller.contact_id for caller in find_callers(db.session.connection(), number)]


def fields(number: str, **more: str) -> dict[str, str]:
    return {
        "kind": "person",
        "name": "Rui",
        "phones-0-number": number,
        "phones-0-kind": "mobile",
        "responsible_id": "",
        **more,
    }


@pytest.mark.parametrize(("stored", "rings"), PAIRS)
class TestPairs:
    def test_a_telephone_is_known_by_its_other_writing(
        self, app: Flask, stored: str, rings: str
    ) -> None:
        ana = with_number("Ana", stored)
        make_contact("Rui", phones=("912345678",))
        assert callers(rings) == [ana.id]

    def test_the_same_writing_comes_first(self, app: Flask, stored: str, rings: str) -> None:
        with_number("Ana", stored)
        rui = with_number("Rui", rings)
        assert callers(rings) == [rui.id]

    def test_it_does_not_guess_between_two(self, app: Flask, stored: str, rings: str) -> None:
        with_number("Ana", stored)
        with_number("Rui", stored)
        assert callers(rings) == []

    def test_the_search_finds_either(self, app: Flask, bob: User, stored: str, rings: str) -> None:
        ana = with_number("Ana", stored)
        for written in (stored, rings, rings[1:], rings[3:]):
            assert find(bob, written, 5).contacts == [ana], written


def test_the_15_of_argentina_is_known_too(app: Flask) -> None:
    ana = with_number("Ana", "+5491123456789")
    assert callers("+54111523456789") == [ana.id]


@pytest.mark.parametrize("number", ["16200", "4141", "112", "1"])
def test_a_short_number_is_known(app: Flask, number: str) -> None:
    taxi = with_number("Taxi", number)
    with_number("Other", f"9{number}")
    assert callers(number) == [taxi.id]


@pytest.mark.parametrize(
    ("typed", "stored"),
    [("16200", "16200"), ("116 000", "116000"), ("+351 970 000 123", "+351970000123")],
)
def test_what_has_a_possible_length_is_saved_with_a_warning(
    client_of: ClientOf, bob: User, typed: str, stored: str
) -> None:
    client = client_of(bob)
    saved = client.post("/contacts/new", data=fields(typed), follow_redirects=True)
    contact = db.session.scalars(select(Contact)).one()
    assert [phone.number for phone in contact.phones] == [stored]
    doubts = stored != "116000"
    assert ("No numbering plan knows this number" in saved.text) is doubts
    form = client.get(f"/contacts/{contact.id}/edit").text
    assert ('id="phones-0-number-warning"' in form) is doubts
    assert ('aria-describedby="phones-0-number-warning"' in form) is doubts


def test_the_warning_is_said_in_portuguese_too(client_of: ClientOf, bob: User) -> None:
    bob.language = "pt"
    db.session.commit()
    saved = client_of(bob).post("/contacts/new", data=fields("970000123"), follow_redirects=True)
    assert "Este número não existe em nenhum plano de numeração" in saved.text


@pytest.mark.parametrize("number", ["+351970000123", "+999123456", "12", "16200", "+3519"])
def test_what_is_stored_is_never_refused(client_of: ClientOf, bob: User, number: str) -> None:
    ana = with_number("Ana", number)
    client = client_of(bob)
    page = client.get(f"/contacts/{ana.id}/edit")
    assert page.status_code == 200
    shown = page.text.partition('name="phones-0-number" value="')[2].partition('"')[0]
    sent = fields(shown, name="Ana Sousa", version=str(ana.version), main_phone="0")
    assert client.post(f"/contacts/{ana.id}/edit", data=sent).status_code == 303
    db.session.expire_all()
    assert (ana.name, [phone.number for phone in ana.phones]) == ("Ana Sousa", [number])


@pytest.mark.parametrize("number", ["+351970000123", "+999123456", "12", "68999"])
@pytest.mark.parametrize("path", ["/contacts/new", "/leads/new"])
def test_a_number_that_a_call_s_page_brings_is_never_refused(
    client_of: ClientOf, bob: User, number: str, path: str
) -> None:
    client = client_of(bob)
    form = client.get(path, query_string={"number": number}).text
    assert number[-3:] in form
    sent = fields(number, title="Call", contact_name="Rui", currency="EUR") | {"number": number}
    answer = client.post(path, query_string={"number": number}, data=sent)
    assert answer.status_code == 303
    contact = db.session.scalars(select(Contact)).one()
    assert [phone.number for phone in contact.phones] == [number]


@pytest.mark.parametrize(
    "typed",
    ["912345678 / 913456789", "912345678;913456789", "912345678, 913456789",
     "912345678 or 913456789",
     "912345678 ou 913456789", "912345678 913456789", "+351912345678+351913456789"],
)  # fmt: skip
def test_two_numbers_in_one_field_are_named_so(client_of: ClientOf, bob: User, typed: str) -> None:
    answer = client_of(bob).post("/contacts/new", data=fields(typed))
    assert answer.status_code == 422
    assert "Enter one number only" in answer.text
    assert typed.replace("+", "&#43;") in answer.text or typed in answer.text


class TestFromTheBin:
    def test_it_finds_who_has_the_number_in_either_writing(self, app: Flask, alice: User) -> None:
        ana = with_number("Ana", "+5491123456789")
        ana.deleted_at = clock.now()
        db.session.commit()
        with_number("Rui", "+351912345678")
        assert in_bin_with(["+541123456789"], alice) == [ana]
        assert in_bin_with(["+5491123456789", ""], alice) == [ana]
        assert in_bin_with(["+351912345678"], alice) == in_bin_with([""], alice) == []

    def test_a_new_contact_with_the_number_of_one_in_the_bin_is_asked_about(
        self, client_of: ClientOf, bob: User
    ) -> None:
        ana = make_contact("Ana", phones=("912345678",), responsible=bob, deleted_at=clock.now())
        client = client_of(bob)
        for form in (
            client.get("/contacts/new", query_string={"number": "+351912345678"}),
            client.post("/contacts/new", data=fields("912 345 678")),
        ):
            assert "Ana has this number and is in the bin." in form.text
            assert f'action="/contacts/{ana.id}/restore"' in form.text
        assert form.status_code == 422
        assert 'value="Rui"' in form.text
        assert db.session.scalar(select(db.func.count(Contact.id))) == 1

    def test_a_new_contact_is_made_all_the_same_when_that_is_said(
        self, client_of: ClientOf, bob: User
    ) -> None:
        make_contact("Ana", phones=("912345678",), responsible=bob, deleted_at=clock.now())
        sent = fields("912 345 678", makes_new="y")
        assert client_of(bob).post("/contacts/new", data=sent).status_code == 303
        assert db.session.scalar(select(db.func.count(Contact.id))) == 2

    def test_other_numbers_are_not_asked_about(self, client_of: ClientOf, bob: User) -> None:
        make_contact("Ana", phones=("912345678",), responsible=bob, deleted_at=clock.now())
        form = client_of(bob).get("/contacts/new", query_string={"number": "+351963000111"})
        assert "in the bin." not in form.text
        assert 'name="makes_new"' not in form.text


@pytest.mark.parametrize("query", ["王芳", "芳", "王芳 acme", "acme 王芳", "芳 王"])
def test_words_of_two_signs_are_found_wherever_they_stand(
    app: Flask, bob: User, query: str
) -> None:
    wang = make_contact("Acme 李王芳")
    make_contact("Acme 李娜")
    assert find(bob, query, 5).contacts == [wang]


@pytest.mark.parametrize(
    ("name", "query"),
    [("Loja №1", "№1"), ("Loja №1", "no1"), ("ＡＣＭＥ", "acme"), ("Ⅷ Ltd", "viii"),
     ("ひろ", "ひろ"),
     ("ไท", "ไท"), ("김철수", "김철")],
)  # fmt: skip
def test_a_sign_that_stands_for_others_is_found(
    app: Flask, bob: User, name: str, query: str
) -> None:
    contact = make_contact(name)
    assert find(bob, query, 5).contacts == [contact]


@pytest.mark.parametrize(
    "query",
    ["+39 (0)6 1234567", "+39 06 1234567", "06 1234567", "(0)6 1234567", "+39 (0) 6 123"],
)
def test_a_zero_in_brackets_finds_where_it_belongs_to_the_number(
    app: Flask, bob: User, query: str
) -> None:
    rome = with_number("Roma", "+39061234567")
    assert find(bob, query, 5).contacts == [rome]


@pytest.mark.parametrize("query", ["+44 (0)20 7946 0958", "020 7946 0958", "+44 20 7946"])
def test_a_zero_in_brackets_finds_where_it_does_not(app: Flask, bob: User, query: str) -> None:
    london = with_number("London", "+442079460958")
    assert find(bob, query, 5).contacts == [london]
