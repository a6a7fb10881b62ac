"""Two people, or one who clicks twice, save the same contact."""

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from crm_app.accounts.models import User
from crm_app.contacts.fields import ContactDraft
from crm_app.contacts.models import Contact, ContactKind
from crm_app.contacts.services import update_contact
from crm_app.demo import make_contact
from crm_app.extensions import db
from crm_app.journal.models import JournalEntry
from tests.contacts.sent_forms import sent
from tests.overtaken import overtaken

ClientOf = Callable[[User], FlaskClient]


def read_again(contact: Contact) -> Contact:
    db.session.expire_all()
    return contact


def numbers(contact: Contact) -> list[tuple[str, bool]]:
    return [(phone.number, phone.is_main) for phone in read_again(contact).phones]


def test_it_tells_the_second_of_two_editors_and_loses_nothing(
    app: Flask, bob: User, dora: User, client_of: ClientOf
) -> None:
    ana = make_contact("Ana", about="old", job_title="Cook", phones=("912345678", "211234567"))
    first, second, path = client_of(dora), client_of(bob), f"/contacts/{ana.id}/edit"
    hers, his = first.get(path).text, second.get(path).text
    new_number = {"phones-2-number": "963111222", "phones-2-kind": "work", "main_phone": "2"}
    first.post(path, data=sent(hers, new_number, job_title="Chef", about="hers"))

    told = second.post(path, data=sent(his, about="his"))

    assert told.status_code == 409
    assert "Dora Manager" in told.text
    assert "<del>old</del>" in told.text
    assert "<ins>hers</ins>" in told.text
    assert "963 111 222 (Work, main)" in told.text
    assert "Save my version" in told.text
    offered = sent(told.text)
    assert (offered["about"], offered["job_title"]) == ("his", "Chef")
    assert (offered["phones-2-number"], offered["main_phone"]) == ("963 111 222", "2")
    assert read_again(ana).about == "hers"

    again = second.post(path, data=offered)

    assert again.status_code == 303
    assert (read_again(ana).about, ana.job_title) == ("his", "Chef")
    assert numbers(ana) == [
        ("+351912345678", False),
        ("+351211234567", False),
        ("+351963111222", True),
    ]


def test_it_keeps_the_rows_that_the_second_editor_typed_with_their_main_number(
    app: Flask, bob: User, dora: User, client_of: ClientOf
) -> None:
    ana = make_contact("Ana", phones=("912345678", "211234567"))
    first, second, path = client_of(dora), client_of(bob), f"/contacts/{ana.id}/edit"
    hers, his = first.get(path).text, second.get(path).text
    first.post(path, data=sent(hers, main_phone="1"))
    removed = {"phones-0-number": None, "phones-0-kind": None}
    added = {"phones-101-number": "963111222", "phones-101-kind": "work", "main_phone": "1"}

    told = second.post(path, data=sent(his, {**removed, **added}))

    assert told.status_code == 409
    second.post(path, data=sent(told.text))
    assert numbers(ana) == [("+351211234567", True), ("+351963111222", False)]


def test_it_takes_another_writing_of_the_same_number_for_no_change(
    app: Flask, bob: User, dora: User, client_of: ClientOf
) -> None:
    ana = make_contact("Ana", phones=("912345678",))
    first, second, path = client_of(dora), client_of(bob), f"/contacts/{ana.id}/edit"
    hers, his = first.get(path).text, second.get(path).text
    first.post(path, data=sent(hers, {"phones-0-number": "963111222"}))

    told = second.post(path, data=sent(his, {"phones-0-number": "+351912345678"}, about="his"))

    assert told.status_code == 409
    assert sent(told.text)["phones-0-number"] == "963 111 222"


def test_it_takes_a_second_click_on_save_for_what_it_is(
    app: Flask, bob: User, client_of: ClientOf
) -> None:
    ana, client = make_contact("Ana", phones=("912345678",)), client_of(bob)
    path = f"/contacts/{ana.id}/edit"
    typed = sent(
        client.get(path).text,
        {"phones-101-number": "+351 963111222", "phones-101-kind": "work", "main_phone": "101"},
        about="Two\r\nlines",
    )

    answers = [client.post(path, data=typed) for _click in range(2)]

    assert [answer.status_code for answer in answers] == [303, 303]
    assert answers[1].location == f"/contacts/{ana.id}"
    entries = select(func.count()).where(
        JournalEntry.record_type == "contact", JournalEntry.action == "changed"
    )
    assert db.session.scalar(entries) == 1


def test_it_does_not_lose_an_edit_of_what_was_deleted_meanwhile(
    app: Flask, bob: User, dora: User, client_of: ClientOf
) -> None:
    ana, client = make_contact("Ana"), client_of(bob)
    path = f"/contacts/{ana.id}/edit"
    before = client.get(path).text
    client_of(dora).post(f"/contacts/{ana.id}/delete")

    told = client.post(path, data=sent(before, name="Ana Sousa"))

    assert told.status_code == 409
    assert "in the bin now" in told.text
    again = client.post(path, data=sent(told.text))
    assert again.status_code == 303
    assert (read_again(ana).name, ana.deleted_at) == ("Ana Sousa", None)


def test_it_takes_nothing_out_of_the_bin_for_an_edit_without_a_change(
    app: Flask, bob: User, dora: User, client_of: ClientOf
) -> None:
    ana, client = make_contact("Ana"), client_of(bob)
    path = f"/contacts/{ana.id}/edit"
    before = client.get(path).text
    client_of(dora).post(f"/contacts/{ana.id}/delete")

    told = client.post(path, data=sent(before))

    assert told.status_code == 409
    assert "in the bin now" in told.text
    assert read_again(ana).deleted_at is not None


@pytest.mark.parametrize("version", ["9" * 5_000, "²", "-1", "", "99999999999", "7"])
@pytest.mark.parametrize(
    "base", ["[" * 50_000, "9" * 5_000, "[]", "null", '{"about": [1]}', "\x00"]
)
def test_it_takes_a_form_that_tells_nonsense_of_its_version_for_an_old_one(
    app: Flask, bob: User, client_of: ClientOf, version: str, base: str
) -> None:
    ana, client = make_contact("Ana", about="old"), client_of(bob)
    path = f"/contacts/{ana.id}/edit"
    page = client.get(path).text

    told = client.post(path, data=sent(page, version=version, base=base, about="mine"))

    assert told.status_code == 409
    assert sent(told.text)["about"] == "mine"
    assert read_again(ana).about == "old"


def test_it_counts_a_line_end_once(app: Flask, bob: User, client_of: ClientOf) -> None:
    ana, client = make_contact("Ana"), client_of(bob)
    path, text = f"/contacts/{ana.id}/edit", "\n".join(["abc"] * 2_500)

    answer = client.post(path, data=sent(client.get(path).text, about=text.replace("\n", "\r\n")))

    assert answer.status_code == 303
    assert read_again(ana).about == text


def test_it_sees_no_change_in_the_line_ends_of_an_older_text(
    app: Flask, bob: User, client_of: ClientOf
) -> None:
    ana, client = make_contact("Ana", about="one\r\ntwo"), client_of(bob)
    path = f"/contacts/{ana.id}/edit"

    client.post(path, data=sent(client.get(path).text))

    assert read_again(ana).version == 1


def test_it_sees_what_a_colleague_changed_while_it_waited_for_the_contact(
    app: Flask, bob: User, dora: User, client_of: ClientOf
) -> None:
    acme = make_contact("Acme", kind=ContactKind.COMPANY)
    ana, client = make_contact("Ana"), client_of(bob)
    form = sent(client.get(f"/contacts/{ana.id}/edit").text, about="his")
    draft = ContactDraft(name="Ana", company_id=acme.id, responsible_id=dora.id)
    update_contact(ana, draft, dora)
    told = overtaken(lambda: client.post(f"/contacts/{ana.id}/edit", data=form))
    assert told.status_code == 409
    offered = sent(told.text)
    assert (offered["company_id"], offered["responsible_id"]) == (str(acme.id), str(dora.id))
