"""The settings page: keys that are never shown, extensions that nobody can grab."""

import json
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from ipaddress import ip_network

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from crm_app.accounts.models import User
from crm_app.encryption import KeyRing, Vault
from crm_app.extensions import db
from crm_app.simulator.office import Simulator
from crm_app.telephony import services
from crm_app.telephony.commands import telephony_cli
from crm_app.telephony.models import TelephonySettings
from crm_app.telephony.setup import health_checks
from tests.telephony.conftest import SECRET, use_api

PAGE = "/telephony/settings"


@pytest.fixture
def pbx(app: Flask, key: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Simulator]:
    """A played PBX that the application asks."""
    app.extensions["telephony_links"].forget()
    with Simulator(key, SECRET, extensions=("101", "102", "103")) as simulator:
        use_api(app, simulator.url, monkeypatch)
        yield simulator
    app.extensions["telephony_links"].forget()


@pytest.fixture
def browser(alice: User, client_of: Callable[[User], FlaskClient]) -> FlaskClient:
    """The administrator's browser."""
    client = client_of(alice)
    db.session.rollback()
    return client


def save(browser: FlaskClient, key: str, secret: str = SECRET) -> TestResponse:
    """Save and test keys."""
    answer = browser.post(f"{PAGE}/keys", data={"key": key, "secret": secret})
    db.session.rollback()
    return answer


def test_it_is_for_administrators_only(
    bob: User, dora: User, client_of: Callable[[User], FlaskClient], visitor: FlaskClient
) -> None:
    for user in (bob, dora):
        client = client_of(user)
        db.session.rollback()
        assert client.get(PAGE).status_code == 403
        for action in ("keys", "refresh", "disconnect", "token", "people", "switches"):
            assert client.post(f"{PAGE}/{action}").status_code == 403
    assert visitor.get(PAGE).status_code == 303


def test_it_saves_and_tests_the_keys(pbx: Simulator, browser: FlaskClient, key: str) -> None:
    assert save(browser, key).status_code == 303
    page = browser.get(PAGE).text
    assert "Zadarma accepts the keys" in page
    assert "€25.00" in page
    assert "101, 102, 103" in page


def test_it_never_shows_the_keys_again(
    app: Flask, pbx: Simulator, browser: FlaskClient, key: str
) -> None:
    save(browser, key)
    page = browser.get(PAGE).text
    assert key not in page
    assert SECRET not in page
    assert "Type only to replace it" in page
    stored = TelephonySettings.current()
    assert key not in stored.key_encrypted + stored.secret_encrypted
    assert SECRET not in stored.key_encrypted + stored.secret_encrypted
    assert stored.keys(app.extensions["vault"]) == (key, SECRET)


def test_an_empty_secret_keeps_the_stored_one(
    app: Flask, pbx: Simulator, browser: FlaskClient, key: str
) -> None:
    save(browser, key)
    save(browser, key, "")
    assert TelephonySettings.current().keys(app.extensions["vault"]) == (key, SECRET)


@pytest.mark.parametrize(
    ("key_text", "secret", "words"),
    [
        ("", SECRET, "Paste the key"),
        ("abc", "", "Paste the secret"),
        ("a b\n", SECRET, "no key or secret has"),
    ],
)
def test_it_refuses_keys_that_cannot_be(
    app: Flask, browser: FlaskClient, key_text: str, secret: str, words: str
) -> None:
    answer = save(browser, key_text, secret)
    assert answer.status_code == 422
    assert words in answer.text


def test_keys_that_zadarma_refuses_do_not_replace_those_that_work(
    app: Flask, pbx: Simulator, browser: FlaskClient, key: str
) -> None:
    save(browser, key)
    answer = save(browser, f"{key}0", "ffff")
    assert answer.status_code == 422
    assert "does not accept the key and secret" in answer.text
    assert "the keys that are stored are still in use" in answer.text
    assert TelephonySettings.current().keys(app.extensions["vault"]) == (key, SECRET)
    db.session.rollback()
    assert "Connected" in badge(browser)


def test_keys_that_are_refused_at_first_are_not_stored(
    pbx: Simulator, browser: FlaskClient, key: str
) -> None:
    assert save(browser, key, "ffff").status_code == 422
    assert not TelephonySettings.current().is_connected
    db.session.rollback()
    assert badge(browser) == "Not connected"


@pytest.mark.parametrize("has_old", [False, True])
def test_keys_that_cannot_be_tested_are_kept_only_when_that_is_wanted(
    app: Flask, pbx: Simulator, browser: FlaskClient, key: str, has_old: bool
) -> None:
    if has_old:
        save(browser, key)
    pbx.inject("error")
    answer = save(browser, "b" * 20, "c" * 20)
    assert answer.status_code == 422
    assert "Keep untested" in answer.text
    assert TelephonySettings.current().is_connected == has_old
    db.session.rollback()
    data = {"key": "b" * 20, "secret": "c" * 20, "untested": "yes"}
    assert browser.post(f"{PAGE}/keys", data=data).status_code == 303
    vault = app.extensions["vault"]
    assert TelephonySettings.current().keys(vault) == ("b" * 20, "c" * 20)
    db.session.rollback()
    assert "Not reached" in badge(browser)


def test_keys_that_are_refused_are_not_kept_untested(
    pbx: Simulator, browser: FlaskClient, key: str
) -> None:
    data = {"key": key, "secret": "ffff", "untested": "yes"}
    assert browser.post(f"{PAGE}/keys", data=data).status_code == 422
    assert not TelephonySettings.current().is_connected


def test_stored_keys_that_are_no_longer_accepted_are_called_refused(
    pbx: Simulator, browser: FlaskClient, key: str
) -> None:
    save(browser, key)
    pbx.account.secret = "another"
    browser.post(f"{PAGE}/refresh")
    assert badge(browser) == "Keys refused"
    assert lamp(browser, "keys") == "bad"


def test_nothing_is_called_broken_or_good_before_it_was_tried(
    app: Flask, browser: FlaskClient, key: str
) -> None:
    services.save_keys(key, SECRET, app.extensions["vault"])
    db.session.commit()
    app.extensions["telephony_links"].forget()
    assert badge(browser) == "Not tested"
    for name in ("keys", "api", "balance", "extensions", "events", "unreadable", "clock"):
        assert lamp(browser, name) == "unknown", name


def test_the_page_says_from_where_notifications_are_accepted(
    app: Flask, browser: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = app.extensions["settings"]
    networks = (ip_network("127.0.0.0/8"),)
    changed = settings.model_copy(update={"webhook_allowed_networks": networks})
    monkeypatch.setitem(app.extensions, "settings", changed)
    assert "accepted only from 127.0.0.0/8" in browser.get(PAGE).text
    assert lamp(browser, "senders") == "ok"


def badge(browser: FlaskClient) -> str:
    """Read what the page says of the connection in two words."""
    found = re.search(r"data-connection>([^<]*)<", browser.get(PAGE).text)
    assert found is not None
    return found[1]


def lamp(browser: FlaskClient, name: str) -> str:
    """Read how one lamp of the page shines."""
    found = re.search(rf'data-lamp="{name}" data-state="(\w+)"', browser.get(PAGE).text)
    assert found is not None
    return found[1]


def test_the_page_works_while_the_api_is_down(
    pbx: Simulator, browser: FlaskClient, key: str
) -> None:
    save(browser, key)
    pbx.inject("error")
    assert browser.post(f"{PAGE}/refresh").status_code == 303
    page = browser.get(PAGE)
    assert page.status_code == 200
    assert "cannot be reached" in page.text
    assert "101, 102, 103" in page.text


def test_a_lost_secret_key_is_said(
    app: Flask, pbx: Simulator, browser: FlaskClient, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    services.save_keys(key, SECRET, Vault(KeyRing(["another key"])))
    db.session.commit()
    app.extensions["telephony_links"].forget()
    assert "SECRET_KEY has changed" in browser.get(PAGE).text
    assert save(browser, key, "").status_code == 422
    assert save(browser, key).status_code == 303
    app.extensions["telephony_links"].forget()


def test_a_taken_extension_is_not_offered_and_refused_when_forged(
    pbx: Simulator, browser: FlaskClient, key: str, alice: User, bob: User, carol: User
) -> None:
    names = {user.name: f"extension-{user.id}" for user in (alice, bob, carol)}
    alice_id = str(alice.id)
    db.session.rollback()
    save(browser, key)
    page = browser.get(PAGE).text
    row = page[page.index(names["Carol Agent"]) :].partition("</select>")[0]
    assert 'value="102"' in row
    assert 'value="101"' not in row
    for forged, words in (("101", "Somebody else has"), ("999", "The PBX has no such extension")):
        data = {names["Carol Agent"]: forged, "default_responsible": alice_id}
        answer = browser.post(f"{PAGE}/people", data=data)
        assert answer.status_code == 422
        assert words in answer.text
        db.session.rollback()
        assert db.session.get_one(User, carol.id).extension is None
        db.session.rollback()


def test_extensions_are_given_swapped_and_taken_away(
    pbx: Simulator, browser: FlaskClient, key: str, bob: User, carol: User, dora: User
) -> None:
    bob_id, carol_id, dora_id = bob.id, carol.id, dora.id
    db.session.rollback()
    save(browser, key)
    wanted = {bob_id: "103", dora_id: "101", carol_id: "102"}
    data = {f"extension-{user_id}": extension for user_id, extension in wanted.items()}
    answer = browser.post(f"{PAGE}/people", data={**data, "default_responsible": str(dora_id)})
    assert answer.status_code == 303
    for user_id, extension in wanted.items():
        assert db.session.get_one(User, user_id).extension == extension
    db.session.rollback()
    data[f"extension-{bob_id}"] = ""
    browser.post(f"{PAGE}/people", data={**data, "default_responsible": str(dora_id)})
    assert db.session.get_one(User, bob_id).extension is None


def test_there_is_exactly_one_default_responsible_who_can_sign_in(
    pbx: Simulator, browser: FlaskClient, bob: User, carol: User
) -> None:
    carol.active = False
    bob_id, carol_id = bob.id, carol.id
    db.session.commit()
    for chosen in ("", "999999", str(carol_id), "x"):
        answer = browser.post(f"{PAGE}/people", data={"default_responsible": chosen})
        assert answer.status_code == 422
        db.session.rollback()
    assert browser.post(f"{PAGE}/people", data={"default_responsible": bob_id}).status_code == 303
    assert TelephonySettings.current().default_responsible_id == bob_id
    db.session.rollback()
    assert browser.get(PAGE).text.count(" checked /") >= 1


def test_an_extension_that_left_the_pbx_is_marked(
    pbx: Simulator, browser: FlaskClient, key: str, bob: User
) -> None:
    save(browser, key)
    pbx.account.extensions.remove("101")
    browser.post(f"{PAGE}/refresh")
    assert "101 is no longer at the PBX" in browser.get(PAGE).text


def test_the_webhook_address_is_shown_and_gets_a_tail(app: Flask, browser: FlaskClient) -> None:
    base = app.extensions["settings"].base_url
    assert f'value="{base}/zadarma"' in browser.get(PAGE).text
    browser.post(f"{PAGE}/token")
    token = TelephonySettings.current().webhook_token
    db.session.rollback()
    assert len(token) >= 32
    assert f'value="{base}/zadarma/{token}"' in browser.get(PAGE).text
    browser.post(f"{PAGE}/token", data={"remove": "yes"})
    assert TelephonySettings.current().webhook_token == ""
    app.extensions["telephony_links"].forget()


@pytest.mark.parametrize(
    ("url", "is_good"),
    [
        ("https://crm.example.com/zadarma", True),
        ("http://crm.example.com/zadarma", False),
        ("https://localhost/zadarma", False),
        ("https://127.0.0.1/zadarma", False),
        ("https://192.168.1.4/zadarma", False),
        ("https://office/zadarma", False),
    ],
)
def test_it_warns_of_an_address_that_the_pbx_cannot_reach(url: str, *, is_good: bool) -> None:
    assert health_checks.is_reachable(url) == is_good


def test_it_says_what_to_do_about_an_address_that_is_not_public(browser: FlaskClient) -> None:
    assert "set PUBLIC_URL to the one of this server" in browser.get(PAGE).text


def test_the_switch_is_kept(app: Flask, browser: FlaskClient) -> None:
    # The box sends its "on" after the "off" that stands before it.
    sent: list[tuple[dict[str, object], str]] = [
        ({"caller_name": "off"}, "off"), ({}, "off"), ({"caller_name": ["off", "on"]}, "on"),
    ]  # fmt: skip
    for data, state in sent:
        assert browser.post(f"{PAGE}/switches", data=data).status_code == 303
        assert TelephonySettings.current().switches.caller_name == state
        db.session.rollback()
    refused = browser.post(f"{PAGE}/switches", data={"caller_name": "perhaps"})
    assert refused.status_code == 422
    assert TelephonySettings.current().switches.caller_name == "on"


def test_a_box_is_ticked_when_its_switch_is_on(browser: FlaskClient) -> None:
    page = browser.get(PAGE).text
    assert re.search(r'<input[^>]* checked[^>]* name="caller_name"[^>]* value="on"', page)
    browser.post(f"{PAGE}/switches", data={"caller_name": "off"})
    page = browser.get(PAGE).text
    assert not re.search(r'<input[^>]* checked[^>]* name="caller_name"', page)


def test_the_account_s_clock_is_known(pbx: Simulator, browser: FlaskClient, key: str) -> None:
    pbx.account.utc_offset = timedelta(hours=3)
    save(browser, key)
    assert TelephonySettings.current().clock_offset_seconds == 3 * 3600


def test_the_keys_can_be_forgotten(pbx: Simulator, browser: FlaskClient, key: str) -> None:
    save(browser, key)
    browser.post(f"{PAGE}/disconnect")
    assert not TelephonySettings.current().is_connected
    db.session.rollback()
    assert "Not connected" in browser.get(PAGE).text


def test_the_command_connects_and_checks(app: Flask, pbx: Simulator, key: str) -> None:
    runner = app.test_cli_runner()
    arguments = ["connect", "--key", key, "--secret-stdin"]
    broken = runner.invoke(telephony_cli, ["check"])
    assert broken.exit_code == 1
    connected = runner.invoke(telephony_cli, arguments, input=SECRET)
    assert connected.exit_code == 0, connected.output
    assert "accepts the keys" in connected.output
    db.session.rollback()
    checked = runner.invoke(telephony_cli, ["check"])
    # The PBX posts its notifications nowhere yet.
    assert checked.exit_code == 1, checked.output
    assert "ok     Zadarma accepts key and secret." in checked.output
    db.session.rollback()
    as_json = runner.invoke(telephony_cli, ["check", "--json"])
    lamps = {lamp["lamp"]: lamp for lamp in json.loads(as_json.output)["lamps"]}
    assert set(lamps["keys"]) == {"lamp", "state", "says", "do"}
    assert lamps["keys"]["state"] == "ok"
    assert lamps["address"]["do"]
    db.session.rollback()
    pbx.account.secret = "another"
    refused = runner.invoke(telephony_cli, arguments, input=SECRET)
    assert refused.exit_code == 1
    assert "does not accept" in refused.output
    db.session.rollback()
    assert TelephonySettings.current().keys(app.extensions["vault"]) == (key, SECRET)


def test_the_command_keeps_untested_keys_only_when_it_is_said(
    app: Flask, pbx: Simulator, key: str
) -> None:
    runner = app.test_cli_runner()
    arguments = ["connect", "--key", key, "--secret-stdin"]
    pbx.inject("error")
    refused = runner.invoke(telephony_cli, arguments, input=SECRET)
    assert refused.exit_code == 1
    assert "--untested" in refused.output
    db.session.rollback()
    assert not TelephonySettings.current().is_connected
    db.session.rollback()
    kept = runner.invoke(telephony_cli, [*arguments, "--untested"], input=SECRET)
    assert kept.exit_code == 0, kept.output
    db.session.rollback()
    assert TelephonySettings.current().is_connected
