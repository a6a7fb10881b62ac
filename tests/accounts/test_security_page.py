"""The page of security events, for administrators."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from flask.testing import FlaskClient

from crm_app.accounts.models import User
from crm_app.accounts.security_log import wording
from crm_app.extensions import db
from crm_app.security.kinds import ONLY_COUNTED, Kind
from crm_app.security.models import SecurityEvent

ClientOf = Callable[[User], FlaskClient]
NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def note(kind: Kind, minutes: int = 0, **values: object) -> SecurityEvent:
    at = NOON + timedelta(minutes=minutes)
    event = SecurityEvent(kind=kind, at=at, last_at=at, **values)
    db.session.add(event)
    db.session.commit()
    return event


def rows(browser: FlaskClient, **query: object) -> list[str]:
    page = browser.get("/security", query_string=query, headers={"HX-Request": "true"})
    assert page.status_code == 200
    return [
        piece.partition("</span>")[0] for piece in page.text.split('<span class="fw-medium">')[1:]
    ]


def test_only_administrators_open_it(
    alice: User, dora: User, bob: User, client_of: ClientOf
) -> None:
    assert [client_of(user).get("/security").status_code for user in (alice, dora, bob)] == [
        200, 403, 403,
    ]  # fmt: skip
    assert 'href="/security"' in client_of(alice).get("/").text
    assert 'href="/security"' not in client_of(dora).get("/").text


def test_only_its_own_line_of_the_navigation_is_the_current_one(
    alice: User, client_of: ClientOf
) -> None:
    for path in ("/security", "/people", "/people/rights"):
        page = client_of(alice).get(path).text
        assert page.count('aria-current="page"') == 1, path


def test_every_kind_of_event_has_words(alice: User, client_of: ClientOf) -> None:
    assert {kind.value for kind in Kind} - ONLY_COUNTED == set(wording.WORDS)
    for kind in set(Kind) - ONLY_COUNTED:
        note(kind)
    assert not {kind.value for kind in Kind} & set(rows(client_of(alice)))


def test_it_tells_who_did_what_to_whom_and_from_where(
    alice: User, bob: User, client_of: ClientOf
) -> None:
    note(
        Kind.ROLE_CHANGED, user_id=alice.id, about_id=bob.id, detail="manager",
        address="192.0.2.7", request_id="abcdefghijkl",
    )  # fmt: skip
    page = client_of(alice).get("/security").text
    for text in ("Role changed", "Manager", "Bob Agent", "by Alice Admin", "192.0.2.7", "abcdef"):
        assert text in page


def test_it_is_narrowed_by_kind_person_and_day(alice: User, bob: User, client_of: ClientOf) -> None:
    note(Kind.SIGNED_IN, user_id=bob.id, about_id=bob.id)
    note(Kind.PASSWORD_WRONG, 1, about_id=bob.id, count=7)
    note(Kind.FORBIDDEN, 2, user_id=alice.id)
    note(Kind.SIGNED_OUT, 60 * 24, user_id=alice.id)
    browser = client_of(alice)
    everything = ["Signed out", "Page refused", "Wrong password", "Signed in"]
    assert rows(browser) == everything
    assert rows(browser, kind="refused") == ["Page refused", "Wrong password"]
    assert rows(browser, kind="signed_in") == ["Signed in"]
    assert rows(browser, user=bob.id) == ["Wrong password", "Signed in"]
    assert rows(browser, since="2026-03-03") == ["Signed out"]
    assert rows(browser, until="2026-03-02") == everything[1:]
    assert rows(browser, kind="refused", user=alice.id) == ["Page refused"]


@pytest.mark.parametrize(
    "query", [{"kind": "nonsense"}, {"user": "x"}, {"since": "yesterday"}, {"until": "9"}]
)
def test_what_cannot_be_asked_finds_nothing(
    alice: User, client_of: ClientOf, query: dict[str, str]
) -> None:
    note(Kind.SIGNED_IN, user_id=alice.id)
    page = client_of(alice).get("/security", query_string=query)
    assert page.status_code == 200
    assert "Nothing matches" in page.text


def test_it_is_paged_by_what_was_last_seen(alice: User, client_of: ClientOf) -> None:
    for minute in range(51):
        note(Kind.SIGNED_IN, minute, about_id=alice.id)
    note(Kind.SIGNED_OUT, 52, about_id=alice.id)
    browser = client_of(alice)
    page = browser.get("/security").text
    following = page.split('rel="next" href="')[1].partition('"')[0].replace("&amp;", "&")
    assert "Signed out" in rows(browser)
    second = browser.get(following, headers={"HX-Request": "true"}).text
    assert second.count('<span class="fw-medium">Signed in') == 2


def test_how_often_is_shown_and_nobody_is_named_where_nobody_is_known(
    alice: User, client_of: ClientOf
) -> None:
    note(Kind.WEBHOOK_REFUSED, count=12, address="192.0.2.0/24", detail="signature")
    page = client_of(alice).get("/security").text
    assert "× 12" in page
    assert "wrong signature" in page
    assert "192.0.2.0/24" in page
