"""The set-up: lamps that are lit by what the PBX says, and an address that it was told."""

import json
import re
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from crm_app import clock
from crm_app.accounts.models import User
from crm_app.calls.fold.facts import Fact, FactKind
from crm_app.calls.store import ledger
from crm_app.extensions import db
from crm_app.recordings.models import Recording
from crm_app.recordings.models import State as RecordingState
from crm_app.security.kinds import Kind
from crm_app.security.models import SecurityEvent
from crm_app.serving import jobs
from crm_app.simulator.account import CALL_FLAGS, OTHER_FLAGS
from crm_app.simulator.office import Simulator
from crm_app.telephony import services
from crm_app.telephony.commands import telephony_cli
from crm_app.telephony.models import DailyBalance, LampState, TelephonySettings
from crm_app.telephony.setup import asking, balances, health_checks
from crm_app.telephony.zadarma.replies import Balance
from tests.telephony.conftest import SECRET

PAGE = "/telephony/setup"
TEN = (
    "keys", "clock", "balance", "extensions", "echo", "address", "notifications", "events",
    "recording", "stream",
)  # fmt: skip


@pytest.fixture
def pbx(
    connected: Flask, key: str, served: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Simulator]:
    """A played PBX that the application asks, and that reaches the application."""
    with Simulator(key, SECRET, extensions=("100", "101", "103")) as simulator:
        settings = connected.extensions["settings"]
        changed = settings.model_copy(
            update={"zadarma_api_url": simulator.url, "public_url": served}
        )
        monkeypatch.setitem(connected.extensions, "settings", changed)
        yield simulator


@pytest.fixture
def browser(alice: User, client_of: Callable[[User], FlaskClient]) -> FlaskClient:
    """The administrator's browser."""
    client = client_of(alice)
    db.session.rollback()
    return client


def lamps(app: Flask) -> dict[str, health_checks.HealthCheck]:
    """Look at all lamps, without asking anybody."""
    settings, config = TelephonySettings.current(), app.extensions["settings"]
    checks = health_checks.run(settings, asking.current_link(), config, health_checks.arrivals())
    db.session.rollback()
    return {check.name: check for check in checks}


def command(app: Flask, *arguments: str) -> tuple[int, str]:
    """Run a command of the telephony; gives its exit code and what it printed."""
    done = app.test_cli_runner().invoke(telephony_cli, list(arguments))
    db.session.rollback()
    return done.exit_code, done.output


def check(app: Flask) -> tuple[int, dict[str, dict[str, str]]]:
    """Run the check; gives its exit code and the lamps."""
    code, output = command(app, "check", "--json")
    return code, {lamp["lamp"]: lamp for lamp in json.loads(output)["lamps"]}


def lit(browser: FlaskClient, name: str, **form: str) -> tuple[str, str]:
    """Let one lamp be lit; gives its state, and the name of the next one."""
    answer = browser.post(f"{PAGE}/lamps/{name}", data=form, headers={"HX-Request": "true"})
    assert answer.status_code == 200, answer.text
    db.session.rollback()
    found = re.findall(r'data-lamp="(\w+)" data-state="(\w+)"', answer.text)
    return found[0][1], found[1][0] if len(found) > 1 else ""


def test_registering_sets_address_and_every_kind_of_notification(
    app: Flask, pbx: Simulator, served: str
) -> None:
    pbx.account.flags = dict.fromkeys(pbx.account.flags, False)
    code, output = command(app, "register", "--json")
    assert code == 0, output
    address = f"{served}/zadarma"
    assert json.loads(output) == {
        "changed": True,
        "callinfo": {"url": address, "notifications": dict.fromkeys(CALL_FLAGS, True)},
        "webhooks": {"url": address, "hooks": dict.fromkeys(OTHER_FLAGS, True)},
    }
    assert (pbx.account.webhook_url, pbx.account.events_url) == (address, address)
    assert all(pbx.account.flags.values())
    sent = [
        call.params for call in pbx.api_calls if call.path.endswith(("notifications/", "hooks/"))
    ]
    words = {word for params in sent for name, word in params.items() if name != "format"}
    assert words == {"true"}
    code, output = command(app, "register", "--json")
    assert (code, json.loads(output)["changed"]) == (0, False)
    noted = select(SecurityEvent).where(SecurityEvent.kind == Kind.WEBHOOK_REGISTERED)
    assert len(db.session.scalars(noted).all()) == 1


def test_the_check_ends_with_one_until_the_address_is_registered(
    app: Flask, pbx: Simulator
) -> None:
    code, found = check(app)
    assert code == 1
    assert (found["keys"]["state"], found["address"]["state"]) == ("ok", "bad")
    assert found["address"]["do"]
    command(app, "register")
    code, found = check(app)
    assert code == 0, found
    assert {found[name]["state"] for name in TEN[:7]} == {"ok"}
    # No call has come yet, and there is no browser.
    assert {found[name]["state"] for name in TEN[7:]} == {"unknown"}
    assert list(found)[: len(TEN)] == list(TEN)


def test_an_address_that_the_pbx_does_not_reach_is_said_in_those_words(
    app: Flask, pbx: Simulator, browser: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = app.extensions["settings"]
    closed = settings.model_copy(update={"public_url": "http://127.0.0.1:9"})
    monkeypatch.setitem(app.extensions, "settings", closed)
    code, output = command(app, "register")
    assert code == 1
    assert "The PBX could not reach http://127.0.0.1:9" in output
    assert "Wrong parameters" not in output
    assert lamps(app)["echo"].state == "bad"
    answer = browser.post(f"{PAGE}/register", follow_redirects=True)
    assert "The PBX could not reach http://127.0.0.1:9" in answer.text
    assert pbx.account.webhook_url == ""


def test_lamps_are_lit_one_by_one_and_each_names_the_next(
    app: Flask, pbx: Simulator, browser: FlaskClient
) -> None:
    names, name = [], TEN[0]
    while name:
        names.append(name)
        _, name = lit(browser, name)
    assert tuple(names[: len(TEN)]) == TEN
    asked = [call.path for call in pbx.api_calls]
    assert len(asked) == len(set(asked)) == 5, "each method is asked once"
    page = browser.get(PAGE).text
    assert 'data-lamp="keys" data-state="ok"' in page
    # What is bad has one button that mends it.
    row = page[page.index('data-lamp="address"') :].partition("</li>")[0]
    assert 'data-state="bad"' in row
    assert f'action="{PAGE}/register"' in row
    assert row.count("<button") == 1


def test_the_lamp_of_the_stream_is_green_when_a_message_came_and_red_when_none_did(
    app: Flask, pbx: Simulator, browser: FlaskClient
) -> None:
    assert lit(browser, "stream")[0] == "unknown"
    assert lit(browser, "stream", heard="ask") == ("unknown", "")
    assert lit(browser, "stream", heard="yes") == ("ok", "")
    assert lit(browser, "stream", heard="no") == ("bad", "")


def test_an_api_that_is_down_is_said_by_the_lamp_that_asked(
    app: Flask, pbx: Simulator, browser: FlaskClient
) -> None:
    pbx.inject("error")
    answer = browser.post(f"{PAGE}/lamps/keys", headers={"HX-Request": "true"})
    assert 'data-lamp="keys" data-state="bad"' in answer.text
    assert "cannot be reached at the moment" in answer.text


@pytest.mark.parametrize("lamp", ["keys", "clock", "extensions", "echo"])
def test_while_the_pbx_does_not_answer_each_lamp_offers_to_try_again(
    app: Flask, pbx: Simulator, browser: FlaskClient, lamp: str
) -> None:
    pbx.inject("error")
    answer = browser.post(f"{PAGE}/lamps/{lamp}", headers={"HX-Request": "true"}).text
    shown = answer.partition("<hx-partial")[0]
    assert f'data-lamp="{lamp}" data-state="bad"' in shown
    assert re.findall(r'class="btn btn-sm"[^>]*>([^<]*)', shown) == ["Try again"]


@pytest.mark.parametrize("what", ["address", "flag", "events", "nowhere"])
def test_a_change_in_the_cabinet_is_noticed(app: Flask, pbx: Simulator, what: str) -> None:
    command(app, "register")
    perform_check(app)
    assert {lamps(app)[name].state for name in ("echo", "address", "notifications")} == {"ok"}
    if what == "address":
        pbx.account.webhook_url = "https://other.example/hook"
    elif what == "events":
        pbx.account.events_url = "https://other.example/hook"
    elif what == "nowhere":
        pbx.account.webhook_url = ""
    else:
        pbx.account.flags["notify_end"] = False
    for _ in range(2):
        perform_check(app)
        found = lamps(app)
        changed = found["notifications" if what == "flag" else "address"]
        assert (changed.state, changed.code) == ("bad", "changed")
    expected = {"flag": "NOTIFY_END", "nowhere": "—"}.get(what, "other.example")
    assert changed.names == expected
    command(app, "register")
    assert {lamps(app)[name].state for name in ("address", "notifications")} == {"ok"}


def perform_check(app: Flask) -> None:
    """Perform the periodic job as the runner does."""
    kind = next(kind for kind in jobs.KINDS if kind.name == "check_pbx")
    assert kind.every is not None
    assert kind.every <= timedelta(days=1)
    assert kind.fetch is not None
    kind.perform({}, kind.fetch({}))
    db.session.commit()


def test_a_new_token_turns_the_lamp_of_the_address_red_at_once(app: Flask, pbx: Simulator) -> None:
    command(app, "register")
    services.renew_token()
    db.session.commit()
    app.extensions["telephony_links"].forget()
    found = lamps(app)
    assert (found["address"].state, found["address"].code) == ("bad", "old")
    assert found["echo"].state == "unknown"
    assert command(app, "register")[0] == 0
    assert lamps(app)["address"].state == "ok"


def test_nothing_of_another_account_is_left_when_the_keys_change(
    app: Flask, pbx: Simulator
) -> None:
    command(app, "register")
    check(app)
    assert db.session.scalars(select(LampState)).all()
    services.save_keys("another0key0of0somebody", SECRET, app.extensions["vault"])
    db.session.commit()
    assert not db.session.scalars(select(LampState)).all()
    assert not db.session.scalars(select(DailyBalance)).all()


def test_it_is_for_administrators_only(
    bob: User, dora: User, client_of: Callable[[User], FlaskClient]
) -> None:
    for user in (bob, dora):
        client = client_of(user)
        db.session.rollback()
        assert client.get(PAGE).status_code == 403
        for action in ("", "/register", "/call", "/lamps/keys"):
            assert client.post(f"{PAGE}{action}").status_code == 403


def test_the_balance_warns_before_the_phones_die(app: Flask, pbx: Simulator) -> None:
    start = clock.now() - timedelta(days=6)
    for day in range(7):
        with time_machine.travel(start + timedelta(days=day), tick=False):
            services.keep(services.Probe(balance=Balance(4_000 - 500 * day, "EUR")))
            db.session.commit()
    assert balances.daily_cost() == 500
    found = lamps(app)["balance"]
    assert (found.state, found.count) == ("warn", 2)
    # Somebody pays: the day on which the balance rose says nothing about the cost.
    services.keep(services.Probe(balance=Balance(10_000, "EUR")))
    db.session.commit()
    assert balances.daily_cost() == 500
    assert lamps(app)["balance"].state == "ok"
    services.keep(services.Probe(balance=Balance(0, "EUR")))
    db.session.commit()
    assert lamps(app)["balance"].state == "bad"


def test_a_test_call_ticks_what_has_arrived(
    app: Flask, pbx: Simulator, browser: FlaskClient, alice: User
) -> None:
    pbx.account.callback = "interactive"
    pbx.account.webhook_url = ""
    assert ticks(browser.get(PAGE).text) == set()
    answer = browser.post(f"{PAGE}/call", headers={"HX-Request": "true"})
    assert answer.status_code == 200
    call = pbx.live_calls[0]
    assert call.client == "4444"
    told = {"called": "4444", "extension": "100"}
    steps = {
        FactKind.OUTGOING_STARTED: "start", FactKind.ANSWERED: "answer",
        FactKind.OUTGOING_ENDED: "end", FactKind.RECORDED: "recording",
    }  # fmt: skip
    for count, kind in enumerate(steps, 1):
        more = {} if kind is FactKind.RECORDED else told
        fact = Fact(kind, call.pbx_call_id, clock.now(), **more)
        ledger.record(db.session.connection(), fact, "")
        db.session.commit()
        shown = browser.get(f"{PAGE}/call", headers={"HX-Request": "true"}).text
        assert ticks(shown) == set(list(steps.values())[:count])
    assert "the telephony is set up" in shown


def test_a_test_call_that_cannot_ring_says_why(
    app: Flask, pbx: Simulator, browser: FlaskClient
) -> None:
    pbx.account.online.discard("100")
    answer = browser.post(f"{PAGE}/call", headers={"HX-Request": "true"})
    assert "Your phone is not registered at the PBX" in answer.text
    assert ticks(answer.text) == set()


def ticks(page: str) -> set[str]:
    """Read which steps of the test call are ticked off."""
    return {
        step
        for step, state in re.findall(r'data-tick="(\w+)" data-state="(\w+)"', page)
        if state == "ok"
    }


def test_the_lamp_of_recordings_shows_what_became_of_the_newest(app: Flask, pbx: Simulator) -> None:
    assert lamps(app)["recording"].state == "unknown"
    fact = Fact(FactKind.STARTED, "in_1", clock.now(), caller="+351910000042")
    call_id = ledger.record(db.session.connection(), fact, "").call_id
    for minutes, state in ((2, RecordingState.FAILED), (1, RecordingState.READY)):
        at = clock.now() - timedelta(minutes=minutes)
        db.session.add(
            Recording(
                call_id=call_id, recording_id=f"1.{minutes}", recorded_at=at, state=state,
                fetched_at=clock.now(),
            )
        )  # fmt: skip
        db.session.commit()
        expected = "ok" if state == RecordingState.READY else "bad"
        assert lamps(app)["recording"].state == expected
    services.set_switches({"record_copies": "off"})
    db.session.commit()
    assert lamps(app)["recording"].state == "unknown"
