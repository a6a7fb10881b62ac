"""Answers about live calls say for whose sign-in they are, so that an older page shows none."""

import re

from flask import Flask
from flask.testing import FlaskClient

from crm_app.accounts.models import User
from crm_app.live.sign_in import SIGN_IN_HEADER
from tests.calls.popup_story import HTMX, ClientOf, ring
from tests.signed_in import new_token


def mark_of_page(client: FlaskClient) -> str:
    """Read for which sign-in a page was made."""
    found = re.search(r'data-sign-in="(\w+)"', client.get("/calls").text)
    assert found is not None
    return found[1]


def mark_of_tray(client: FlaskClient) -> str:
    """Read for which sign-in the tray is answered."""
    return client.get("/calls/tray", headers=HTMX).headers[SIGN_IN_HEADER]


def test_it_is_the_same_on_a_page_and_in_all_that_the_page_asks(
    client_of: ClientOf, bob: User
) -> None:
    client = client_of(bob)
    mark = mark_of_page(client)
    assert len(mark) == 16
    assert mark_of_page(client) == mark_of_tray(client) == mark
    call = ring("101")
    card = client.get(f"/calls/tray?open={call.id}", headers=HTMX)
    assert card.headers[SIGN_IN_HEADER] == mark
    closed = client.post(f"/calls/{call.id}/popup/close", headers=HTMX)
    assert (closed.status_code, closed.headers[SIGN_IN_HEADER]) == (200, mark)
    unknown = client.get("/calls/999/people", headers=HTMX)
    assert (unknown.status_code, unknown.headers[SIGN_IN_HEADER]) == (404, mark)


def test_it_is_another_one_for_another_person_and_after_signing_in_again(
    app: Flask, client_of: ClientOf, bob: User, carol: User
) -> None:
    marks = {mark_of_tray(client) for client in (client_of(bob), client_of(bob), client_of(carol))}
    assert len(marks) == 3
    client = client_of(bob)
    before = mark_of_tray(client)
    client.post("/logout")
    assert client.get("/calls/tray", headers=HTMX).status_code == 401
    with client.session_transaction() as session:
        session["_user_id"], session["_fresh"] = new_token(bob), True
    assert mark_of_tray(client) != before


def test_it_does_not_tell_the_token_of_the_session(client_of: ClientOf, bob: User) -> None:
    client = client_of(bob)
    mark = mark_of_tray(client)
    with client.session_transaction() as session:
        token = session["csrf_token"]
    assert mark not in token
    assert token not in client.get("/calls").text
