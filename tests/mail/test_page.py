"""The page of the mail server: a password that is never shown, and a test that says what failed."""

from collections.abc import Callable, Iterator
from html import unescape

import pytest
from flask import Flask
from flask.testing import FlaskClient

from crm_app.accounts.models import User
from crm_app.extensions import db
from crm_app.journal.models import JournalEntry
from crm_app.mail.models import MailServer
from tests.mail.postbox import PASSWORD, Postbox, serving
from tests.ports import free_port

ClientOf = Callable[[User], FlaskClient]
PAGE = "/office/mail"


@pytest.fixture
def browser(alice: User, client_of: ClientOf) -> FlaskClient:
    client = client_of(alice)
    db.session.rollback()
    return client


@pytest.fixture
def postbox() -> Iterator[tuple[Postbox, int]]:
    box = Postbox()
    with serving(box, port := free_port()):
        yield box, port


def save(browser: FlaskClient, **typed: object) -> tuple[int, str]:
    """Store a server and give the answer, with the page that follows."""
    usual = {
        "host": "localhost",
        "port": 587,
        "encryption": "none",
        "sender": "office@example.com",
        "user": "",
        "password": "",
    }
    answer = browser.post(PAGE, data=usual | typed, follow_redirects=True)
    db.session.rollback()
    db.session.expire_all()
    return answer.status_code, unescape(answer.text)


def stored() -> MailServer:
    server = MailServer.find()
    assert server is not None
    return server


def send_test(browser: FlaskClient) -> str:
    text = browser.post(f"{PAGE}/test", follow_redirects=True).text
    db.session.rollback()
    return unescape(text)


def test_it_is_for_administrators_only(
    bob: User, dora: User, client_of: ClientOf, visitor: FlaskClient
) -> None:
    for user in (bob, dora):
        client = client_of(user)
        db.session.rollback()
        assert client.get(PAGE).status_code == 403
        for action in ("", "/test", "/forget"):
            assert client.post(PAGE + action).status_code == 403
    assert visitor.get(PAGE).status_code == 303


def test_the_password_is_kept_encrypted_and_never_shown_again(
    app: Flask, browser: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    code, page = save(browser, user="office", password=PASSWORD)
    assert code == 200
    assert PASSWORD not in page
    assert "Saved. Type only to replace it." in page
    assert app.extensions["vault"].decrypt(stored().password_encrypted) == PASSWORD
    kept = [str(one.changes) for one in db.session.scalars(db.select(JournalEntry))]
    assert len(kept) == 1
    send_test(browser)
    assert PASSWORD not in "".join(kept) + caplog.text + browser.get(PAGE).text
    # What stays as it was needs no password.
    assert save(browser, user="office", sender="crm@example.com")[0] == 200
    assert app.extensions["vault"].decrypt(stored().password_encrypted) == PASSWORD


@pytest.mark.parametrize(
    "elsewhere",
    [{"host": "127.0.0.1"}, {"port": 25}, {"encryption": "tls"}, {"user": "somebody"}],
    ids=lambda changed: next(iter(changed)),
)
def test_a_password_goes_only_where_it_was_typed_for(
    app: Flask, browser: FlaskClient, elsewhere: dict[str, object]
) -> None:
    save(browser, user="office", password=PASSWORD)
    code, page = save(browser, **{"user": "office"} | elsewhere)
    assert (code, "Type the password" in page) == (422, True)
    assert stored().host == "localhost"
    assert save(browser, **{"user": "office", "password": "new"} | elsewhere)[0] == 200
    assert app.extensions["vault"].decrypt(stored().password_encrypted) == "new"


def test_who_takes_the_user_out_takes_the_password_out(app: Flask, browser: FlaskClient) -> None:
    save(browser, user="office", password=PASSWORD)
    save(browser)
    assert (stored().user, stored().password_encrypted) == ("", "")


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ({"host": " "}, "Type the name of the server."),
        ({"host": "mail.example.com/box"}, "This cannot be the name of a server"),
        ({"host": "x" * 254}, "Use at most 253 characters."),
        ({"port": 0}, "A port is a number from 1 to 65535."),
        ({"port": 65536}, "A port is a number from 1 to 65535."),
        ({"port": ""}, "A port is a number from 1 to 65535."),
        ({"sender": "nobody"}, "This is no e-mail address."),
        ({"sender": "a@b.pt\r\nBcc: c@d.pt"}, "This is no e-mail address."),
        ({"user": "x" * 255}, "Use at most 254 characters."),
        ({"user": "a", "password": "x" * 501}, "Use at most 500 characters."),
        (
            {"user": "a", "password": "b", "host": "mail.example.com"},
            "A password is never sent without encryption",
        ),
    ],
)
def test_it_refuses_what_cannot_be_in_one_sentence(
    app: Flask, browser: FlaskClient, typed: dict[str, object], words: str
) -> None:
    code, page = save(browser, **typed)
    assert (code, words in page) == (422, True)
    assert MailServer.find() is None


def test_a_test_message_goes_to_the_administrators_own_address(
    app: Flask, alice: User, browser: FlaskClient, postbox: tuple[Postbox, int]
) -> None:
    box, port = postbox
    address = alice.email
    save(browser, port=port)
    page = send_test(browser)
    assert f"The mail server took the message for {address}." in page
    assert "The last message went out" in page
    assert box.recipients == [[address]]


def test_a_failed_test_says_what_failed_until_one_goes_out(
    app: Flask, alice: User, browser: FlaskClient, postbox: tuple[Postbox, int]
) -> None:
    box, port = postbox
    save(browser, port=free_port())
    assert "The mail server cannot be reached: check its name and port." in send_test(browser)
    assert "cannot be reached" in browser.get(PAGE).text
    save(browser, port=port)
    assert "cannot be reached" not in browser.get(PAGE).text
    box.refused = {alice.email}
    db.session.rollback()
    page = send_test(browser)
    assert "refused the recipient's address. It said: 550 5.1.1 No such mailbox here" in page
    box.refused = set()
    assert "The last message went out" in send_test(browser)


def test_a_forgotten_server_is_gone_with_its_password(app: Flask, browser: FlaskClient) -> None:
    save(browser, user="office", password=PASSWORD)
    assert browser.post(f"{PAGE}/forget").status_code == 303
    db.session.rollback()
    assert MailServer.find() is None
    assert "No mail server is set up." in send_test(browser)
