"""The office TV: a board without sign-in, names of clients and cookies, until it is revoked."""

import re
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from crm_app.accounts.models import User
from crm_app.accounts.services import change_office
from crm_app.board import wall_views, walls
from crm_app.board.models import BoardWall
from crm_app.callbacks.models import CallBack
from crm_app.demo import make_contact
from crm_app.extensions import db
from crm_app.live import bus, services
from crm_app.live.messages import OFFICE
from crm_app.security.models import SecurityEvent
from tests.calls.popup_story import ANA, answer, ring
from tests.questions import questions

ClientOf = Callable[[User], FlaskClient]
RUI = "+351910000043"


@pytest.fixture
def token(alice: User) -> str:
    """The secret end of an address for the TV at the reception."""
    token = walls.new_token(walls.make("Reception", alice))
    db.session.commit()
    bus.client().flushdb()
    return token


def test_it_shows_colleagues_and_counts_and_no_client(
    app: Flask, bob: User, dora: User, token: str, visitor: FlaskClient
) -> None:
    ana = make_contact("Ana Sousa", phones=(ANA,), responsible=bob)
    db.session.add(CallBack(contact_id=ana.id, number=ANA, owner_id=dora.id, misses=1))
    ring("101")
    answer("101")
    ring("103", pbx_call_id="in_2", caller=RUI)
    for path in (f"/board/wall/{token}", f"/board/wall/{token}/now"):
        page = visitor.get(path)
        assert page.status_code == 200
        for words in ("Bob Agent", "Talking", "Dora Manager", "Ringing", "••• 43", "••• 42"):
            assert words in page.text, words
        for secret in ("Ana", "Sousa", "910 000", "910000", 'href="/c'):
            assert secret not in page.text, secret
        assert "Set-Cookie" not in page.headers
        assert page.headers["Referrer-Policy"] == "no-referrer"
        assert page.headers["Cache-Control"] == "no-store"


def test_its_token_is_shown_once_and_stored_as_a_hash(
    alice: User, client_of: ClientOf, visitor: FlaskClient
) -> None:
    browser = client_of(alice)
    made = browser.post("/board/walls", data={"name": "Reception", "form_key": "once"})
    found = re.search(r"/board/wall/([\w-]{40,})", made.text)
    assert found is not None
    again = browser.post("/board/walls", data={"name": "Reception", "form_key": "once"})
    newer = re.search(r"/board/wall/([\w-]{40,})", again.text)
    assert newer is not None
    # Sent twice it is one address, and the token that was shown last opens it.
    [wall] = db.session.scalars(db.select(BoardWall))
    assert newer[1] not in wall.token_hash
    assert visitor.get(f"/board/wall/{newer[1]}").status_code == 200
    assert visitor.get(f"/board/wall/{found[1]}").status_code == 410
    assert "/board/wall/" not in browser.get("/board/walls").text
    kinds = db.session.scalars(db.select(SecurityEvent.kind)).all()
    assert kinds.count("wall_made") == 1


def test_each_address_is_revoked_on_its_own(
    alice: User, token: str, client_of: ClientOf, visitor: FlaskClient
) -> None:
    other = walls.new_token(walls.make("Sales", alice))
    db.session.commit()
    wall = walls.find(token)
    for _ in range(2):
        client_of(alice).post(f"/board/walls/{wall.id}/revoke")
    answers = [visitor.get(f"/board/wall/{one}{end}") for one in (token, other, "x" * 43)
               for end in ("", "/now")]  # fmt: skip
    assert [one.status_code for one in answers] == [410, 410, 200, 200, 410, 410]
    assert "Set-Cookie" not in answers[0].headers
    assert visitor.get(f"/board/wall/{token}/live").status_code == 410
    kinds = db.session.scalars(db.select(SecurityEvent.kind)).all()
    assert kinds.count("wall_revoked") == 1


@pytest.mark.parametrize("name", ["", "   ", "x" * 61])
def test_an_address_needs_a_name_that_fits(alice: User, client_of: ClientOf, name: str) -> None:
    assert client_of(alice).post("/board/walls", data={"name": name}).status_code == 422
    assert not db.session.scalars(db.select(BoardWall)).all()


def test_only_administrators_make_addresses(dora: User, client_of: ClientOf) -> None:
    assert client_of(dora).get("/board/walls").status_code == 403
    assert client_of(dora).post("/board/walls", data={"name": "Mine"}).status_code == 403
    assert "/board/walls" not in client_of(dora).get("/board").text


def test_its_stream_says_that_something_changed_and_never_what(
    token: str, visitor: FlaskClient, alice: User
) -> None:
    alice_id, wall = alice.id, walls.find(token).id
    answer = visitor.get(f"/board/wall/{token}/live", buffered=False)
    chunks = answer.iter_encoded()
    next(chunks)
    services.tell([OFFICE], {"log": 42, "contact": 7})
    heard = next(chunks)
    assert heard.startswith(b'data:{"board":null}\nid:')
    services.tell([alice_id], {"call": 42})
    walls.revoke(db.session.get_one(BoardWall, wall), db.session.get_one(User, alice_id))
    db.session.commit()
    assert list(chunks) == []
    assert "Set-Cookie" not in answer.headers
    answer.close()


def test_a_restricted_agents_stream_says_of_others_only_that_something_changed(
    alice: User, bob: User, client_of: ClientOf
) -> None:
    change_office("", restricts_agents=True, by=alice)
    db.session.commit()
    bus.client().flushdb()
    answer = client_of(bob).get("/live", buffered=False)
    chunks = answer.iter_encoded()
    next(chunks)
    services.tell([OFFICE], {"log": 42, "contact": 7})
    assert next(chunks).startswith(b'data:{"board":null}\nid:')
    services.tell([bob.id], {"call": 43})
    assert next(chunks).startswith(b'data:{"call":43}\nid:')
    answer.close()


def test_one_network_asks_only_so_often(token: str, visitor: FlaskClient) -> None:
    asked = [visitor.get(f"/board/wall/{token}x").status_code for _ in range(3)]
    assert asked == [410] * 3
    counter = visitor.application.extensions["counter"]
    for _ in range(wall_views.PER_NETWORK.amount):
        counter.hit(wall_views.PER_NETWORK, "127.0.0.1")
    refused = visitor.get(f"/board/wall/{token}")
    assert (refused.status_code, "Retry-After" in refused.headers) == (429, True)


def test_it_asks_the_database_as_often_for_many_call_backs_as_for_few(
    token: str, visitor: FlaskClient, bob: User
) -> None:
    bob_id = bob.id

    def grow(first: int, last: int) -> int:
        for number in range(first, last):
            contact = make_contact(f"Client {number}", phones=(f"+3519200000{number:02}",))
            db.session.add(CallBack(contact_id=contact.id, number=RUI, owner_id=bob_id, misses=1))
        db.session.commit()
        visitor.get(f"/board/wall/{token}/now")
        db.session.expunge_all()
        with questions() as asked:
            visitor.get(f"/board/wall/{token}/now")
        return len(asked)

    few = grow(0, 1)
    assert grow(1, 13) == few < 14
