"""Who came in, who was refused and who changed what is written down, wherever it happens."""

import logging
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from crm_app.accounts import links, services
from crm_app.accounts.models import LinkPurpose, Role, User
from crm_app.demo import make_user
from crm_app.extensions import db
from crm_app.health import migrations
from crm_app.journal.models import JournalEntry
from crm_app.security.kinds import Kind
from crm_app.security.models import SecurityEvent
from crm_app.telephony import services as telephony
from crm_app.telephony.switches import Switches
from tests.security.conftest import Events

PASSWORD = "tres tigres tristes"
NEW_PASSWORD = "quatro tigres contentes"
ClientOf = Callable[[User], FlaskClient]


@pytest.fixture
def eva(app: Flask) -> User:
    return make_user("Eva", email="eva@example.com", password=PASSWORD)


def sign_in(browser: FlaskClient, email: str, password: str) -> int:
    return browser.post("/login", data={"email": email, "password": password}).status_code


def told(event: SecurityEvent) -> tuple[str, int | None, int | None, str]:
    return (event.kind, event.user_id, event.about_id, event.detail)


def test_signing_in_and_out_is_written_down(
    eva: User, visitor: FlaskClient, events: Events
) -> None:
    assert sign_in(visitor, eva.email, PASSWORD) == 303
    visitor.post("/logout")
    first, last = events()
    assert told(first) == (Kind.SIGNED_IN, eva.id, eva.id, "password")
    assert told(last) == (Kind.SIGNED_OUT, eva.id, eva.id, "")
    assert first.address == "127.0.0.1"
    assert first.request_id != last.request_id != ""


def test_wrong_passwords_and_the_lock_out_are_written_down(
    eva: User, visitor: FlaskClient, events: Events
) -> None:
    for _try in range(10):
        assert sign_in(visitor, eva.email, "wrong") == 422
    assert sign_in(visitor, eva.email, PASSWORD) == 429
    wrong, locked = events()
    assert told(wrong) == (Kind.PASSWORD_WRONG, None, eva.id, "")
    assert wrong.count == 10
    assert told(locked) == (Kind.LOCKED_OUT, None, eva.id, "")


def test_what_was_typed_as_an_unknown_account_is_not_kept(
    app: Flask, visitor: FlaskClient, events: Events
) -> None:
    # It is a password typed into the wrong field more often than an account.
    assert sign_in(visitor, "my secret password", "x") == 422
    (wrong,) = events()
    assert told(wrong) == (Kind.PASSWORD_WRONG, None, None, "")


def test_links_are_written_down_when_made_used_and_refused(
    alice: User, bob: User, client_of: ClientOf, visitor: FlaskClient, events: Events
) -> None:
    client_of(alice).post(f"/people/{bob.id}/reset-link")
    token = links.make(LinkPurpose.RESET, bob)
    db.session.commit()
    assert visitor.post(f"/reset/{token}", data={"password": NEW_PASSWORD}).status_code == 303
    assert visitor.get(f"/reset/{token}").status_code == 410
    made = events(Kind.LINK_MADE)
    assert told(made[0]) == (Kind.LINK_MADE, alice.id, bob.id, "reset")
    used, changed, entered = events(Kind.LINK_USED, Kind.PASSWORD_CHANGED, Kind.SIGNED_IN)
    assert told(used) == (Kind.LINK_USED, bob.id, bob.id, "reset")
    assert told(changed) == (Kind.PASSWORD_CHANGED, bob.id, bob.id, "")
    assert told(entered) == (Kind.SIGNED_IN, bob.id, bob.id, "link")
    (refused,) = events(Kind.LINK_REFUSED)
    assert refused.detail == "used"


def test_changes_of_a_person_are_written_down_by_what_was_changed(
    alice: User, bob: User, client_of: ClientOf, events: Events
) -> None:
    browser = client_of(alice)
    fields = {"name": "Robert", "email": "robert@example.com", "role": "manager"}
    browser.post(f"/people/{bob.id}", data=fields | {"extension": "109"})
    browser.post(f"/people/{bob.id}/disable")
    browser.post(f"/people/{bob.id}/enable")
    kinds = [
        Kind.EMAIL_CHANGED, Kind.ROLE_CHANGED, Kind.EXTENSION_CHANGED,
        Kind.EXTENSION_CHANGED, Kind.USER_DISABLED, Kind.USER_ENABLED,
    ]  # fmt: skip
    found = [event for event in events() if event.about_id == bob.id and event.user_id == alice.id]
    assert sorted(event.kind for event in found) == sorted(kinds)
    assert {event.kind: event.detail for event in found[:3]} == {
        Kind.EMAIL_CHANGED: "", Kind.ROLE_CHANGED: "manager", Kind.EXTENSION_CHANGED: "109",
    }  # fmt: skip


def test_a_change_of_nothing_is_no_event(alice: User, bob: User, events: Events) -> None:
    before = len(events())
    services.change_user(
        bob, alice, name=bob.name, email=bob.email, role=Role(bob.role), extension=bob.extension
    )
    services.change_office("", restricts_agents=False, by=alice)
    services.change_office("Casa", restricts_agents=True, by=alice)
    services.change_office("Casa", restricts_agents=True, by=alice)
    db.session.commit()
    (office,) = events()[before:]
    assert told(office) == (Kind.OFFICE_CHANGED, alice.id, None, "name, restricts_agents")


def test_a_refused_page_is_written_down_with_its_person_and_place(
    bob: User, client_of: ClientOf, events: Events
) -> None:
    answer = client_of(bob).get("/telephony/settings")
    assert answer.status_code == 403
    (refused,) = events(Kind.FORBIDDEN)
    assert told(refused) == (Kind.FORBIDDEN, bob.id, None, "telephony.settings")
    assert refused.request_id == answer.headers["X-Request-Id"]


def test_a_form_without_its_secret_is_written_down(
    app: Flask, bob: User, client_of: ClientOf, events: Events, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(app.config, "WTF_CSRF_ENABLED", True)
    assert client_of(bob).post("/account", data={"name": "X"}).status_code == 400
    assert told(events(Kind.FORM_REFUSED)[0])[1:] == (bob.id, None, "accounts.profile")


def test_a_refused_webhook_is_written_down_with_its_sender(
    app: Flask, visitor: FlaskClient, events: Events
) -> None:
    fields = {"event": "NOTIFY_START", "pbx_call_id": "in_1", "caller_id": "1", "call_start": "x"}
    for _again in range(3):
        assert visitor.post("/zadarma", data=fields).status_code == 403
    (refused,) = events(Kind.WEBHOOK_REFUSED)
    assert (refused.count, refused.address, refused.detail) == (3, "127.0.0.1", "not connected")


def test_every_change_of_the_telephony_is_in_the_journal_and_never_a_key(
    app: Flask, alice: User, bob: User, client_of: ClientOf, events: Events
) -> None:
    telephony.save_keys("a1b2c3d4e5f6", "0f1e2d3c4b5a", app.extensions["vault"], alice)
    db.session.commit()
    browser = client_of(alice)
    browser.post("/telephony/settings/token")
    browser.post("/telephony/settings/token", data={"remove": "1"})
    switches = Switches(caller_name="off").model_dump()
    browser.post("/telephony/settings/switches", data=switches)
    browser.post("/telephony/settings/people", data={"default_responsible": str(bob.id)})
    browser.post("/telephony/settings/disconnect")
    app.extensions["telephony_links"].forget()
    expected = [
        Kind.KEYS_STORED, Kind.TOKEN_MADE, Kind.TOKEN_REMOVED,
        Kind.SWITCHES_CHANGED, Kind.RESPONSIBLE_CHANGED, Kind.DISCONNECTED,
    ]  # fmt: skip
    assert [event.kind for event in events(*expected)] == expected
    journal = db.session.scalars(
        db.select(JournalEntry).where(JournalEntry.record_type == "telephony").order_by("id")
    ).all()
    assert [(entry.action, entry.user_id) for entry in journal] == [
        (kind, alice.id) for kind in expected
    ]
    written = " ".join(str(entry.changes) for entry in journal)
    assert "a1b2c3d4e5f6" not in written
    assert journal[3].shown == {"caller_name": ["on", "off"]}
    assert journal[4].shown == {"default_responsible_id": [None, bob.id]}


def test_events_are_a_line_on_a_logger_of_their_own(
    eva: User, visitor: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "ramal.security")
    for _try in range(3):
        sign_in(visitor, eva.email, "wrong")
    sign_in(visitor, eva.email, PASSWORD)
    lines = [record for record in caplog.records if record.name == "ramal.security"]
    told_events = [record.msg["event"] for record in lines if isinstance(record.msg, dict)]
    assert told_events == ["password_wrong", "signed_in"]
    first = lines[0].msg
    assert isinstance(first, dict)
    assert (first["address"], first["about"]) == ("127.0.0.1", eva.id)
    assert first["request"].isalpha()


def test_every_answer_has_an_id_and_a_sent_one_is_not_believed(
    app: Flask, visitor: FlaskClient
) -> None:
    paths = ["/healthz", "/login", "/nothing", "/static/css/ramal.css", "/zadarma"]
    ids = set()
    for path in paths:
        with visitor.get(path, headers={"X-Request-Id": "mine"}) as answer:
            ids.add(answer.headers["X-Request-Id"])
    ids.add(visitor.post("/zadarma", data={}).headers["X-Request-Id"])
    assert len(ids) == len(paths) + 1
    assert all(name.isalpha() and name != "mine" for name in ids)


def test_the_figures_count_each_kind(
    alice: User,
    eva: User,
    visitor: FlaskClient,
    client_of: ClientOf,
    events: Events,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(migrations, "state", lambda _connection: migrations.State.CURRENT)
    sign_in(visitor, eva.email, "wrong")
    sign_in(visitor, eva.email, PASSWORD)
    events()
    text = client_of(alice).get("/metrics").get_data(as_text=True)
    assert 'ramal_security_events_total{kind="password_wrong"} 1.0' in text
    assert 'ramal_security_events_total{kind="signed_in"} 1.0' in text
    assert 'ramal_security_events_total{kind="locked_out"} 0.0' in text
