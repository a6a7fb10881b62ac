"""Calls are found by what was noted about them."""

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient

from crm_app import clock
from crm_app.accounts.models import OfficeSettings, User
from crm_app.calls.models import Call, CallWrapup
from crm_app.calls.wrapup import services as wrapups
from crm_app.demo import make_contact
from crm_app.extensions import db
from tests.calls.popup_story import ANA, ClientOf, answer, end, ring

FRAGMENT = {"HX-Request": "true"}
NOTE = "Quer proposta até sexta"


@pytest.fixture
def talk(bob: User) -> Call:
    """A talk that Bob has had."""
    ring("101")
    answer("101")
    return end()


def write(call: Call, user: User, note: str, *, is_draft: bool = False) -> None:
    row = wrapups.wrapup_of(call, user)
    row.outcome, row.note = "call_again", note
    row.saved_at = None if is_draft else clock.now()
    db.session.commit()


def found(client: FlaskClient, q: str) -> list[int]:
    """The calls found, the same on the page and below the box."""
    lists = []
    for path, headers in (("/search", {}), ("/search/suggestions", FRAGMENT)):
        html = client.get(path, query_string={"q": q}, headers=headers).text
        body = html.partition("<main")[2] or html
        lists.append([int(number) for number in re.findall(r'<a href="/calls/(\d+)"', body)])
    assert lists[0] == lists[1]
    return lists[0]


@pytest.mark.parametrize("q", ["proposta", "ate sexta", "SEXTA prop", "propo"])
def test_it_finds_a_call_by_part_of_its_note(
    client_of: ClientOf, bob: User, talk: Call, q: str
) -> None:
    write(talk, bob, NOTE)
    assert found(client_of(bob), q) == [talk.id]


def test_it_says_with_whom_who_wrote_and_what(client_of: ClientOf, bob: User, talk: Call) -> None:
    make_contact("Ana Sousa", phones=(ANA,))
    write(talk, bob, NOTE)
    for path in ("/search", "/search/suggestions"):
        html = client_of(bob).get(f"{path}?q=proposta", headers=FRAGMENT).text
        for words in ("Ana Sousa", bob.name, "Call again", NOTE):
            assert words in html


def test_it_follows_a_note_that_is_changed(client_of: ClientOf, bob: User, talk: Call) -> None:
    write(talk, bob, NOTE)
    row = db.session.query(CallWrapup).one()
    row.note = "Comprou"
    db.session.commit()
    assert found(client_of(bob), "proposta") == []
    assert found(client_of(bob), "comprou") == [talk.id]


def test_it_finds_no_draft(client_of: ClientOf, bob: User, talk: Call) -> None:
    write(talk, bob, NOTE, is_draft=True)
    assert found(client_of(bob), "proposta") == []


def test_it_finds_for_agents_only_calls_that_they_may_see(
    app: Flask, client_of: ClientOf, bob: User, carol: User, dora: User, talk: Call
) -> None:
    write(talk, bob, NOTE)
    db.session.add(OfficeSettings(id=1, restricts_agents=True))
    db.session.commit()
    assert found(client_of(bob), "proposta") == [talk.id]
    assert found(client_of(dora), "proposta") == [talk.id]
    assert found(client_of(carol), "proposta") == []
