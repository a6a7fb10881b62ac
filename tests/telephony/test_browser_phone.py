"""The phone in the browser: whose it is, its key, and what its page alone lets in."""

import logging
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask, url_for
from flask.testing import FlaskClient
from sqlalchemy import func, select
from werkzeug.routing import Rule

from crm_app import clock
from crm_app.accounts.models import User
from crm_app.calls.fold.facts import Fact, FactKind
from crm_app.demo import make_contact
from crm_app.extensions import db
from crm_app.simulator.office import Simulator
from crm_app.telephony import services
from crm_app.telephony.dialling.models import DialRequest, DialState
from crm_app.telephony.zadarma.widget import Widget
from crm_app.web.middleware.security_headers import CONTENT_SECURITY_POLICY
from tests.telephony.conftest import set_switches

ClientOf = Callable[[User], FlaskClient]
NARROW = "; ".join(f"{name} {sources}" for name, sources in CONTENT_SECURITY_POLICY.items())
CLIENT = "+351910000042"
HTMX = {"HX-Request": "true"}


@pytest.fixture
def pbx(pbx: Simulator, connected: Flask) -> Simulator:
    """A played PBX, and the switch turned on."""
    set_switches(connected, browser_phone="on")
    return pbx


def use(user: User, value: bool = True) -> None:
    user.has_browser_phone = value
    db.session.commit()


def asked(pbx: Simulator, path: str) -> list[dict[str, str]]:
    return [call.params for call in pbx.api_calls if call.path == path]


def policy_of(browser: FlaskClient, path: str) -> str:
    answer = browser.get(path)
    db.session.rollback()
    return answer.headers["Content-Security-Policy"]


def test_its_page_alone_lets_the_maker_in_and_hears(
    pbx: Simulator, bob: User, client_of: ClientOf
) -> None:
    use(bob)
    answer = client_of(bob).get("/phone")
    policy = dict(
        part.split(" ", 1) for part in answer.headers["Content-Security-Policy"].split("; ")
    )
    assert policy["script-src"] == f"'self' {pbx.url}"
    assert policy["default-src"] == "'none'"
    assert policy["frame-ancestors"] == "'none'"
    assert "microphone=(self)" in answer.headers["Permissions-Policy"]
    assert answer.headers["Cache-Control"] == "no-store"


def test_the_makers_own_hosts_are_let_in_by_name() -> None:
    widget = Widget.beside("https://api.zadarma.com")
    assert widget.scripts[0].startswith("https://my.zadarma.com/webphoneWebRTCWidget/v9/")
    assert widget.sources["script-src"] == "https://my.zadarma.com https://api.zadarma.com"
    assert "wss://*.zadarma.com:4443" in widget.sources["connect-src"]
    assert "'unsafe-inline'" not in widget.sources["script-src"]


@pytest.mark.parametrize("is_mine", [True, False])
def test_while_it_is_off_no_page_is_wider(
    pbx: Simulator, connected: Flask, bob: User, client_of: ClientOf, is_mine: bool
) -> None:
    """Off for the office, or for this user only."""
    use(bob, is_mine)
    set_switches(connected, browser_phone="off" if is_mine else "on")
    assert policy_of(client_of(bob), "/phone") == NARROW


def test_no_other_page_is_wider_while_it_is_on(
    pbx: Simulator, connected: Flask, alice: User, client_of: ClientOf
) -> None:
    use(alice)
    browser, seen = client_of(alice), 0
    for rule in connected.url_map.iter_rules():
        if "GET" not in (rule.methods or ()) or rule.endpoint in {
            "browser_phone.phone",
            "live.stream",
        }:
            continue
        answer = browser.get(address_of(connected, rule))
        assert answer.headers["Content-Security-Policy"] == NARROW, rule
        assert "microphone=()" in answer.headers["Permissions-Policy"], rule
        answer.close()
        db.session.rollback()
        seen += 1
    assert seen > 50


def address_of(app: Flask, rule: Rule) -> str:
    with app.test_request_context():
        return url_for(rule.endpoint, **dict.fromkeys(rule.arguments, 1))


def test_everybody_turns_it_on_for_themselves(
    pbx: Simulator, bob: User, dora: User, client_of: ClientOf
) -> None:
    browser = client_of(bob)
    assert "Use the phone in the browser" in browser.get("/phone").text
    browser.post("/phone/mine", data={"use": "on"})
    assert 'data-state="starting"' in browser.get("/phone").text
    assert "Use the phone in the browser" in client_of(dora).get("/phone").text
    browser.post("/phone/mine", data={"use": "off"})
    assert "Use the phone in the browser" in browser.get("/phone").text


def test_a_key_is_made_for_ones_own_extension_and_is_stored_nowhere(
    pbx: Simulator, bob: User, client_of: ClientOf, caplog: pytest.LogCaptureFixture
) -> None:
    use(bob)
    browser = client_of(bob)
    with caplog.at_level(logging.DEBUG):
        answer = browser.post("/phone/key", data={"extension": "102"})
    db.session.rollback()
    assert answer.status_code == 200
    made = answer.get_json()
    assert made["login"] == "499499-101"
    assert pbx.account.webphone_keys[made["key"]][0] == "499499-101"
    assert answer.headers["Cache-Control"] == "no-store"
    assert made["key"] not in browser.get("/phone").text
    assert made["key"] not in caplog.text
    for table in db.metadata.sorted_tables:
        for row in db.session.execute(select(table)):
            assert made["key"] not in str(row)


def test_the_address_of_the_office_is_allowed_once(
    pbx: Simulator, bob: User, client_of: ClientOf
) -> None:
    use(bob)
    browser = client_of(bob)
    for _ in range(2):
        assert browser.post("/phone/key").status_code == 200
    assert pbx.account.webphone_domains == ["localhost"]
    pbx.account.webphone_domains = ["elsewhere.example"]
    assert browser.post("/phone/key").status_code == 200
    assert pbx.account.webphone_domains == ["elsewhere.example", "localhost"]
    assert len(asked(pbx, "/v1/webrtc/create/")) == len(asked(pbx, "/v1/webrtc/domain/")) == 1


@pytest.mark.parametrize(
    ("prepare", "status", "words"),
    [
        (lambda pbx, bob: use(bob, False), 403, "You do not use the phone"),
        (lambda pbx, bob: setattr(bob, "extension", None), 403, "no extension"),
        (lambda pbx, bob: pbx.inject("down"), 502, "did not answer"),
        (lambda pbx, bob: pbx.inject("limit"), 502, "Too many requests"),
        (lambda pbx, bob: setattr(pbx.account, "secret", "other"), 502, "does not accept"),
    ],
)
def test_where_there_is_no_key_it_says_why(
    pbx: Simulator,
    bob: User,
    client_of: ClientOf,
    prepare: Callable[[Simulator, User], None],
    status: int,
    words: str,
) -> None:
    use(bob)
    prepare(pbx, bob)
    db.session.commit()
    answer = client_of(bob).post("/phone/key")
    assert answer.status_code == status
    assert words in answer.get_json()["says"]
    assert not pbx.account.webphone_keys


def test_while_it_is_off_nothing_is_asked_of_the_pbx(
    pbx: Simulator, connected: Flask, bob: User, client_of: ClientOf
) -> None:
    use(bob)
    set_switches(connected, browser_phone="off")
    browser = client_of(bob)
    assert browser.post("/phone/key").status_code == 403
    dial(browser)
    assert newest().is_in_browser is False
    assert [call for call in pbx.api_calls if "webrtc" in call.path] == []
    assert asked(pbx, "/v1/request/callback/")
    assert "phone-lamp" not in browser.get("/contacts").text


def dial(browser: FlaskClient, **more: str) -> str | None:
    answer = browser.post(
        "/telephony/dial", data={"number": CLIENT, "via": "phone", **more}, headers=HTMX
    )
    db.session.rollback()
    return answer.headers.get("Phone-Dial")


def newest() -> DialRequest:
    db.session.rollback()
    return db.session.scalars(select(DialRequest).order_by(DialRequest.id.desc())).first()  # type: ignore[return-value]


def test_a_click_is_passed_to_the_window_and_the_pbx_is_not_asked(
    pbx: Simulator, bob: User, client_of: ClientOf
) -> None:
    use(bob)
    assert dial(client_of(bob)) == CLIENT
    assert newest().state == DialState.ACCEPTED
    assert pbx.api_calls == []
    db.session.rollback()
    pbx.dial("101", CLIENT)
    assert newest().state == DialState.CONNECTED


def test_a_contact_who_asked_not_to_be_called_is_asked_for_first(
    pbx: Simulator, bob: User, client_of: ClientOf
) -> None:
    use(bob)
    make_contact("Rui Reis", phones=(CLIENT,), do_not_call=True)
    db.session.commit()
    browser = client_of(bob)
    assert dial(browser) is None
    assert db.session.scalar(select(func.count(DialRequest.id))) == 0
    assert dial(browser, confirm="yes") == CLIENT


def test_a_window_that_stays_silent_is_named(
    pbx: Simulator, bob: User, client_of: ClientOf
) -> None:
    use(bob)
    browser = client_of(bob)
    dial(browser)
    request = newest()
    request.created_at -= timedelta(seconds=31)
    db.session.commit()
    page = browser.get("/telephony/dials", headers=HTMX).text
    assert "The phone in the browser started no call." in page
    assert newest().reason == "browser_phone_silent"


def test_what_the_browser_keeps_out_is_logged_without_its_address(
    pbx: Simulator, bob: User, client_of: ClientOf, caplog: pytest.LogCaptureFixture
) -> None:
    use(bob)
    sent = {"directive": "connect-src", "host": "wss.example:4443", "address": "?key=a1b2c3"}
    assert client_of(bob).post("/phone/blocked", data=sent).status_code == 204
    assert "wss.example:4443" in caplog.text
    assert "a1b2c3" not in caplog.text


@pytest.mark.parametrize("value", ["off", "on"])
def test_every_call_is_asked_for_twice_where_that_is_switched_on(
    connected: Flask, bob: User, client_of: ClientOf, value: str
) -> None:
    services.set_switches({"confirm_dialling": value})
    db.session.commit()
    browser = client_of(bob)
    answer = browser.post("/telephony/dial", data={"number": CLIENT}, headers=HTMX)
    db.session.rollback()
    assert ("Call this number?" in answer.text) is (value == "on")
    count = db.session.scalar(select(func.count(DialRequest.id)))
    assert count == (0 if value == "on" else 1)
    browser.post("/telephony/dial", data={"number": CLIENT, "confirm": "yes"}, headers=HTMX)
    db.session.rollback()
    assert db.session.scalar(select(func.count(DialRequest.id))) == 1


def test_a_call_that_is_going_on_is_asked_about_and_not_both(
    connected: Flask, bob: User, client_of: ClientOf
) -> None:
    from crm_app.calls.store.ledger import record

    services.set_switches({"confirm_dialling": "on"})
    started = Fact(FactKind.OUTGOING_STARTED, "out_1", clock.now(), called=CLIENT, extension="102")
    record(db.session.connection(), started, "")
    db.session.commit()
    answer = client_of(bob).post("/telephony/dial", data={"number": CLIENT}, headers=HTMX)
    assert "A call with this number is going on." in answer.text
    assert "Call this number?" not in answer.text
