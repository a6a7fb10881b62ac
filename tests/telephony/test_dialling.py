"""Click-to-call: the screen tells the truth, and nothing is dialled twice."""

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from crm_app import clock
from crm_app.accounts.models import User
from crm_app.accounts.services import change_office
from crm_app.calls.fold.facts import Fact, FactKind
from crm_app.calls.models import Call, CallFact
from crm_app.calls.store.ledger import record
from crm_app.demo import make_contact, make_lead
from crm_app.extensions import db
from crm_app.simulator.office import Simulator
from crm_app.telephony.dialling import placing, services
from crm_app.telephony.dialling.models import DialRequest, DialState
from tests.patience import wait_until
from tests.reader import elements_of
from tests.telephony.conftest import use_api

CLIENT = "+351910000042"
OTHER = "+351910000043"
NOBODY_PICKED_UP = "Nobody picked up your phone, so no call was made."
HTMX = {"HX-Request": "true"}
Dial = Callable[..., TestResponse]


@pytest.fixture
def dial(bob: User, client_of: Callable[[User], FlaskClient]) -> Dial:
    """Let Bob (101) click a number."""
    browser = client_of(bob)
    db.session.rollback()

    def click(number: str = CLIENT, *, headers: dict[str, str] = HTMX, **more: str) -> TestResponse:
        answer = browser.post("/telephony/dial", data={"number": number, **more}, headers=headers)
        db.session.rollback()
        return answer

    return click


def wish() -> DialRequest:
    """Give the newest wish."""
    db.session.rollback()
    return db.session.scalars(select(DialRequest).order_by(DialRequest.id.desc())).first()  # type: ignore[return-value]


def callbacks(pbx: Simulator) -> int:
    """Count how often the PBX was asked to call."""
    return sum(call.path == "/v1/request/callback/" for call in pbx.api_calls)


def wait_for(condition: Callable[[], bool]) -> None:
    """Wait until something that another thread does has happened."""

    def has_happened() -> bool:
        db.session.rollback()
        return condition()

    wait_until(has_happened, "it did not happen", seconds=15)
    db.session.rollback()


def test_a_click_rings_the_own_phone_first(pbx: Simulator, dial: Dial) -> None:
    pbx.account.callback = "callback-no-events"
    answer = dial("910 000 042")
    assert answer.status_code == 200
    assert "Your phone rings first" in answer.text
    assert 'hx-target="#dials"' in answer.text
    asked = [call for call in pbx.api_calls if call.path == "/v1/request/callback/"]
    assert asked[0].params | {"format": ""} == {
        "from": "101", "sip": "101", "to": CLIENT, "format": "",
    }  # fmt: skip


def test_an_accepted_number_leaves_the_field(pbx: Simulator, dial: Dial) -> None:
    pbx.account.callback = "callback-no-events"
    answer = dial("910 000 042", place="top")
    assert answer.status_code == 200
    field = next(one for one in elements_of(answer.text) if one.get("inputmode") == "tel")
    assert (field.get("value"), field.get("aria-invalid")) == ("", "")


@pytest.mark.parametrize(
    "scenario",
    ["callback-single", "callback-two-legs-one-id", "callback-two-legs-two-ids", "callback-as-end"],
)
def test_the_call_that_comes_belongs_to_the_click(
    pbx: Simulator, dial: Dial, scenario: str, bob: User
) -> None:
    contact = make_contact("Ana Sousa", phones=(CLIENT,))
    lead = make_lead("Roof", contact=contact)
    lead_id, contact_id, bob_id = lead.id, contact.id, bob.id
    db.session.rollback()
    pbx.account.callback = scenario
    assert dial(lead_id=str(lead_id)).status_code == 200
    wait_for(lambda: wish().state == DialState.CONNECTED)
    call = db.session.scalars(select(Call).where(Call.pbx_call_id == wish().pbx_call_id)).one()
    assert (call.direction, call.outside_number) == ("outbound", CLIENT)
    assert (call.lead_id, call.contact_id, call.user_id) == (lead_id, contact_id, bob_id)
    shown = db.session.scalar(select(func.count(Call.id)).where(~Call.is_own_leg))
    assert shown == 1
    dialled = select(func.count(CallFact.id)).where(CallFact.kind == "dialled")
    assert db.session.scalar(dialled) == 1


def test_the_card_says_who_is_called(pbx: Simulator, dial: Dial) -> None:
    pbx.account.callback = "callback-no-events"
    make_contact("Ana Sousa", phones=(CLIENT,))
    assert "Ana Sousa" in dial().text


def test_the_card_names_the_one_who_was_clicked_among_several(pbx: Simulator, dial: Dial) -> None:
    pbx.account.callback = "callback-no-events"
    make_contact("Ana Sousa", phones=(CLIENT,))
    rui = make_contact("Rui Sousa", phones=(CLIENT,)).id
    db.session.rollback()
    assert "Ana Sousa" not in (shown := dial(contact_id=str(rui)).text)
    assert "Rui Sousa" in shown


def test_a_click_is_about_no_record_that_its_user_may_not_see(
    pbx: Simulator, dial: Dial, alice: User
) -> None:
    pbx.account.callback = "callback-no-events"
    contact = make_contact("Ana Sousa", phones=(CLIENT,), responsible=alice)
    lead = make_lead("Roof", contact=contact, responsible=alice)
    records = {"contact_id": str(contact.id), "lead_id": str(lead.id)}
    change_office("", restricts_agents=True, by=alice)
    db.session.commit()
    assert dial(**records).status_code == 200
    assert (wish().contact_id, wish().lead_id) == (None, None)


@pytest.mark.parametrize("nonsense", ["99999999999999999999", "-1", "x", ""])
def test_a_click_about_nonsense_calls_all_the_same(
    pbx: Simulator, dial: Dial, nonsense: str
) -> None:
    pbx.account.callback = "callback-no-events"
    assert dial(contact_id=nonsense, lead_id=nonsense).status_code == 200
    assert wish().contact_id is None


def test_a_phone_that_is_not_picked_up_is_said(pbx: Simulator, dial: Dial) -> None:
    pbx.account.callback = "callback-manager-declines"
    dial()
    wait_for(lambda: wish().state == DialState.FAILED)
    assert wish().error_code == "not_picked_up"
    assert wish().pending_key is None


def test_a_double_click_dials_once(pbx: Simulator, dial: Dial) -> None:
    pbx.account.callback = "callback-no-events"
    dial()
    dial("00351 910 000 042")
    assert callbacks(pbx) == 1
    assert db.session.scalar(select(func.count(DialRequest.id))) == 1


def test_clicks_at_the_same_moment_dial_once(pbx: Simulator, connected: Flask, bob: User) -> None:
    pbx.account.callback = "callback-no-events"
    pbx.inject("slow", seconds=0.3)
    order = services.NewDialRequest(bob.id, "101", CLIENT, "PT")
    db.session.rollback()
    made: list[int] = []

    def click() -> None:
        from crm_app.telephony.connection import client_for

        with connected.app_context():
            link = connected.extensions["telephony_links"].read()
            settings = connected.extensions["settings"]
            counter = connected.extensions["counter"]
            made.append(placing.place(order, client_for(link, settings, counter)))

    threads = [threading.Thread(target=click) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(made) == 4
    assert len(set(made)) == 1
    assert callbacks(pbx) == 1


@pytest.mark.parametrize(
    ("prepare", "words"),
    [
        (lambda pbx: pbx.account.online.discard("101"), "not registered"),
        (lambda pbx: pbx.account.extensions.remove("101"), "no longer knows your extension"),
        (lambda pbx: setattr(pbx.account, "balance", 0), "no credit"),
        (lambda pbx: setattr(pbx.account, "secret", "another"), "does not accept the key"),
        (lambda pbx: pbx.inject("limit"), "Too many requests"),
        (lambda pbx: pbx.inject("limit200"), "Too many requests"),
        (lambda pbx: pbx.inject("error"), "cannot be reached"),
        (lambda pbx: pbx.inject("html"), "could not read"),
        (lambda pbx: pbx.inject("down"), "did not answer"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_dialled(
    pbx: Simulator, dial: Dial, prepare: Callable[[Simulator], None], words: str
) -> None:
    prepare(pbx)
    answer = dial()
    assert answer.status_code == 422
    assert words in answer.text
    assert wish().state == DialState.FAILED
    assert callbacks(pbx) == 0


def test_an_unreachable_api_is_said(
    connected: Flask, dial: Dial, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_api(connected, "http://127.0.0.1:9", monkeypatch)
    answer = dial()
    assert answer.status_code == 422
    assert "cannot be reached" in answer.text


def test_an_unclear_answer_is_no_success_and_is_never_repeated(pbx: Simulator, dial: Dial) -> None:
    pbx.account.callback = "callback-no-events"
    pbx.inject("down", path="/v1/request/callback/", times=1)
    answer = dial()
    assert "Your phone may ring" in answer.text
    dial()
    assert wish().state == DialState.UNCERTAIN
    assert callbacks(pbx) == 1


def test_a_refused_callback_is_said(pbx: Simulator, dial: Dial) -> None:
    answer = dial(f"+{pbx.account.did}")
    assert answer.status_code == 422
    assert "refuses this number" in answer.text


@pytest.mark.parametrize(
    ("number", "words"),
    [("hello", "not a phone number"), ("91", "too short"), ("+999 123 456 789", "No country")],
)
def test_an_impossible_number_is_refused_with_the_reason(
    pbx: Simulator, dial: Dial, number: str, words: str
) -> None:
    answer = dial(number)
    assert answer.status_code == 422
    assert words in answer.text
    assert pbx.api_calls == []


@pytest.mark.parametrize(
    ("typed", "asked"),
    [("16200", "16200"), ("+351970000123", "+351970000123"), ("*31#910000042", CLIENT),
     ("sip:+351910000042@host", CLIENT), ("970 000 123", "+351970000123")],
)  # fmt: skip
def test_a_number_is_dialled_as_it_is_though_no_plan_knows_it(
    pbx: Simulator, dial: Dial, typed: str, asked: str
) -> None:
    assert dial(typed).status_code == 200
    assert wish().number == asked


@pytest.mark.parametrize("number", ["12", "+999123456", "01234"])
def test_what_has_rung_or_is_stored_can_always_be_called(
    pbx: Simulator, dial: Dial, number: str
) -> None:
    record(db.session.connection(), Fact(FactKind.STARTED, "in_1", clock.now(), caller=number), "")
    db.session.commit()
    dial(number)
    assert wish().number == number
    assert not wish().error_code.startswith("number_")


def test_without_an_extension_nothing_is_asked(
    pbx: Simulator, carol: User, client_of: Callable[[User], FlaskClient]
) -> None:
    browser = client_of(carol)
    db.session.rollback()
    answer = browser.post("/telephony/dial", data={"number": CLIENT}, headers=HTMX)
    assert answer.status_code == 422
    assert "You have no extension" in answer.text
    assert pbx.api_calls == []


def test_without_keys_the_screen_says_so(app: Flask, dial: Dial) -> None:
    app.extensions["telephony_links"].forget()
    assert "not connected" in dial().text


def test_a_contact_that_asked_not_to_be_called_is_called_only_after_a_question(
    pbx: Simulator, dial: Dial
) -> None:
    pbx.account.callback = "callback-no-events"
    make_contact("Ana", phones=(CLIENT,), do_not_call=True)
    db.session.rollback()
    answer = dial()
    assert answer.status_code == 422
    assert 'name="confirm" value="yes"' in answer.text
    assert callbacks(pbx) == 0
    again = dial(confirm="yes")
    assert again.status_code == 200
    assert "asked not to be called" not in again.text
    assert callbacks(pbx) == 1


def test_when_no_event_comes_for_30_seconds_the_row_says_so_and_goes_after_15(
    pbx: Simulator, dial: Dial, bob: User, client_of: Callable[[User], FlaskClient]
) -> None:
    browser = client_of(bob)
    db.session.rollback()
    pbx.account.callback = "callback-no-events"
    dial()
    asked_at = wish().created_at
    db.session.rollback()
    with time_machine.travel(asked_at + timedelta(seconds=29), tick=False) as traveller:
        assert "Your phone rings first" in browser.get("/telephony/dials", headers=HTMX).text
        traveller.move_to(asked_at + timedelta(seconds=32))
        assert NOBODY_PICKED_UP in browser.get("/telephony/dials", headers=HTMX).text
        assert services.expire() == 1
        db.session.commit()
        assert NOBODY_PICKED_UP in browser.get("/telephony/dials", headers=HTMX).text
        traveller.move_to(asked_at + timedelta(seconds=45))
        assert "data-dial-state" not in browser.get("/telephony/dials", headers=HTMX).text
        dial()
    assert callbacks(pbx) == 2


def test_a_card_can_be_put_away_only_by_its_owner(
    pbx: Simulator, dial: Dial, alice: User, bob: User, client_of: Callable[[User], FlaskClient]
) -> None:
    other, own = client_of(alice), client_of(bob)
    db.session.rollback()
    pbx.account.online.discard("101")
    assert "910 000 042" in dial().text
    address = f"/telephony/dials/{wish().id}/close"
    db.session.rollback()
    other.post(address)
    assert wish().closed_at is None
    db.session.rollback()
    assert "910 000 042" not in own.post(address, headers=HTMX).text
    assert "910 000 042" not in own.get("/telephony/dials", headers=HTMX).text


def test_a_second_click_brings_back_the_card_that_was_put_away(pbx: Simulator, dial: Dial) -> None:
    pbx.account.callback = "callback-no-events"
    dial()
    first = wish()
    services.close(first.id, first.user_id)
    db.session.commit()
    assert "Your phone rings first" in dial().text
    assert callbacks(pbx) == 1


def test_without_htmx_the_click_leads_to_a_page(pbx: Simulator, dial: Dial) -> None:
    pbx.account.callback = "callback-no-events"
    answer = dial(headers={})
    assert (answer.status_code, answer.location) == (303, "/telephony/dials")
    refused = dial("hello", headers={})
    assert refused.status_code == 422
    assert "<html" in refused.text
    assert "not a phone number" in refused.text


def test_a_call_that_is_over_can_be_repeated_at_once(pbx: Simulator, dial: Dial) -> None:
    pbx.account.callback = "callback-client-busy"
    dial()
    wait_for(lambda: db.session.scalar(select(Call.phase)) == "ended")
    dial()
    assert callbacks(pbx) == 2
    # A connection must not be left in the middle of what the second call posts.
    wait_for(lambda: db.session.scalar(select(func.count(Call.id))) == 2)
