"""Notes, the same on every noun that takes them."""

import pytest
from flask import Flask

from crm_app.accounts.models import User
from crm_app.contacts.models import NOUN as CONTACT
from crm_app.extensions import db
from crm_app.journal.models import Note
from crm_app.journal.services import NOTE_LENGTH, add_note
from crm_app.leads.models import NOUN as LEAD
from crm_app.records.bin import put_in_bin
from crm_app.records.registry import Noun
from tests.records.conftest import MAKERS
from tests.records.test_bin import ClientOf, address

FRAGMENT = {"HX-Request": "true"}


@pytest.fixture(params=[CONTACT, LEAD], ids=lambda noun: noun.kind)
def noted(request: pytest.FixtureRequest) -> Noun:
    """Each noun that takes notes."""
    found: Noun = request.param
    return found


def test_it_keeps_a_note_and_shows_it_on_the_page(
    app: Flask, noted: Noun, bob: User, client_of: ClientOf
) -> None:
    record, client = MAKERS[noted.kind]("Red roof"), client_of(bob)
    answer = client.post(address(noted, "add_note", record), data={"text": "Call on Monday."})
    assert answer.location.endswith("#notes")
    assert "Call on Monday." in client.get(address(noted, "show", record)).text
    assert "Call on Monday." in client.get(address(noted, "notes", record)).text


def test_it_answers_htmx_with_the_notes_alone(
    app: Flask, noted: Noun, bob: User, client_of: ClientOf
) -> None:
    record, client = MAKERS[noted.kind]("Red roof"), client_of(bob)
    url = address(noted, "add_note", record)
    kept = client.post(url, data={"text": "Call on Monday."}, headers=FRAGMENT)
    assert "Call on Monday." in kept.text
    assert "<html" not in kept.text
    refused = client.post(url, data={"text": "x" * (NOTE_LENGTH + 1)}, headers=FRAGMENT)
    assert refused.status_code == 422
    assert "<html" not in refused.text


def test_it_shows_a_refused_note_again_on_the_whole_page(
    app: Flask, noted: Noun, bob: User, client_of: ClientOf
) -> None:
    record = MAKERS[noted.kind]("Red roof")
    answer = client_of(bob).post(address(noted, "add_note", record), data={"text": " "})
    assert answer.status_code == 422
    assert "is-invalid" in answer.text
    assert db.session.scalar(Note.of(noted.kind, record.id)) is None


def test_it_keeps_a_note_on_what_went_to_the_bin_meanwhile(
    app: Flask, noted: Noun, bob: User, client_of: ClientOf
) -> None:
    record, client = MAKERS[noted.kind]("Red roof"), client_of(bob)
    put_in_bin(record, bob)
    db.session.commit()
    url = address(noted, "add_note", record)
    assert f'action="{url}"' not in client.get(address(noted, "show", record)).text
    answer = client.post(url, data={"text": "Call on Monday."}, follow_redirects=True)
    assert "The note was kept. Red roof is in the bin." in answer.text
    assert "Call on Monday." in answer.text


def test_it_pages_through_many_notes(
    app: Flask, noted: Noun, bob: User, client_of: ClientOf
) -> None:
    record, client = MAKERS[noted.kind]("Red roof"), client_of(bob)
    for number in range(51):
        add_note(noted.kind, record.id, f"Note number {number}.", bob)
    db.session.commit()
    page = client.get(address(noted, "show", record)).text
    assert "Note number 50." in page
    assert "Note number 0." not in page
    assert address(noted, "notes", record) in page
