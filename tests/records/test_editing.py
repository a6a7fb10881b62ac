"""The form of every noun: made once, changed, refused, and changed by two people at once."""

from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from crm_app.accounts.models import User
from crm_app.extensions import db
from crm_app.records.bin import put_in_bin
from crm_app.records.registry import Noun
from tests.contacts.sent_forms import sent as sent_form
from tests.records.conftest import Make
from tests.records.test_bin import ClientOf, actions, address


def opened(client: FlaskClient, url: str) -> dict[str, Any]:
    """What a browser would send of a form as it is shown."""
    answer = client.get(url)
    assert answer.status_code == 200
    return sent_form(answer.text)


def test_it_is_added_once_by_a_form_that_is_sent_twice(
    app: Flask, noun: Noun, make: Make, bob: User, client_of: ClientOf
) -> None:
    make("Earlier")
    client, url = client_of(bob), address(noun, "new")
    sent = opened(client, url) | {noun.title: "Red roof"}
    for _click in range(2):
        assert client.post(url, data=sent).status_code == 303
    assert db.session.scalar(select(func.count()).select_from(noun.model)) == 2


def test_it_is_changed_and_says_so(
    app: Flask, noun: Noun, make: Make, bob: User, client_of: ClientOf
) -> None:
    record, client = make("Red roof"), client_of(bob)
    url = address(noun, "edit", record)
    sent = opened(client, url) | {noun.title: "Green roof"}
    assert client.post(url, data=sent).status_code == 303
    db.session.refresh(record)
    assert (noun.title_of(record), record.version) == ("Green roof", 2)
    assert actions(noun, record)[0] == "changed"


def test_it_refuses_an_empty_name_and_keeps_what_was_typed(
    app: Flask, noun: Noun, make: Make, bob: User, client_of: ClientOf
) -> None:
    record, client = make("Red roof"), client_of(bob)
    url = address(noun, "edit", record)
    sent = opened(client, url) | {noun.title: " ", "about": "Typed at length."}
    answer = client.post(url, data=sent)
    assert answer.status_code == 422
    assert "Typed at length." in answer.text
    db.session.refresh(record)
    assert record.version == 1


def test_a_second_editor_is_shown_what_the_first_one_changed_and_loses_nothing(
    app: Flask, noun: Noun, make: Make, bob: User, carol: User, client_of: ClientOf
) -> None:
    record, first, second = make("Red roof"), client_of(bob), client_of(carol)
    url = address(noun, "edit", record)
    by_bob, by_carol = opened(first, url), opened(second, url)
    first.post(url, data=by_bob | {noun.title: "Green roof"})

    warned = second.post(url, data=by_carol | {"about": "Typed by Carol."})
    assert warned.status_code == 409
    assert "data-conflict" in warned.text
    merged = sent_form(warned.text)
    assert (merged[noun.title], merged["about"]) == ("Green roof", "Typed by Carol.")

    assert second.post(url, data=merged).status_code == 303
    db.session.refresh(record)
    assert (noun.title_of(record), record.about) == ("Green roof", "Typed by Carol.")


def test_a_second_click_on_save_is_no_conflict(
    app: Flask, noun: Noun, make: Make, bob: User, client_of: ClientOf
) -> None:
    record, client = make("Red roof"), client_of(bob)
    url = address(noun, "edit", record)
    sent = opened(client, url) | {noun.title: "Green roof"}
    for _click in range(2):
        assert client.post(url, data=sent).status_code == 303
    db.session.refresh(record)
    assert record.version == 2


def test_an_editor_of_what_went_to_the_bin_is_warned_and_may_save_all_the_same(
    app: Flask, noun: Noun, make: Make, bob: User, carol: User, client_of: ClientOf
) -> None:
    record, client = make("Red roof"), client_of(bob)
    url = address(noun, "edit", record)
    sent = opened(client, url) | {"about": "Typed by Bob."}
    put_in_bin(record, carol)
    db.session.commit()

    warned = client.post(url, data=sent)
    assert warned.status_code == 409
    assert client.post(url, data=sent_form(warned.text)).status_code == 303
    db.session.refresh(record)
    assert (record.is_in_bin, record.about) == (False, "Typed by Bob.")
