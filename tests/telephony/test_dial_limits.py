"""Asking for calls opens nobody's name, and one user does not use up what the office may ask."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from crm_app import clock
from crm_app.accounts.models import User
from crm_app.accounts.services import change_office
from crm_app.calls.fold.facts import Fact, FactKind
from crm_app.calls.store.ledger import record
from crm_app.counting import Counter
from crm_app.demo import make_contact, make_lead
from crm_app.extensions import db
from crm_app.telephony.dialling.models import DialRequest
from crm_app.telephony.zadarma.client import ZadarmaClient

ClientOf = Callable[[User], FlaskClient]
FOREIGN = "+351961234567"
HTMX = {"HX-Request": "true"}
SECRET_NAME = "Zulmira Secreta"


@pytest.fixture
def frozen(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[time_machine.Traveller]:
    """Frozen time that the counter keeps to: the event bus has a clock of its own."""
    monkeypatch.setitem(app.extensions, "counter", Counter("redis://127.0.0.1:9"))
    with time_machine.travel(clock.now(), tick=False) as traveller:
        yield traveller


@pytest.fixture
def restricted(alice: User, bob: User, dora: User) -> User:
    """Bob, in an office where agents see only their own; Zulmira is Dora's client."""
    company = make_contact("Secreta Lda.", kind="company", responsible=dora)
    zulmira = make_contact(
        SECRET_NAME, phones=(FOREIGN,), responsible=dora, company=company, do_not_call=True
    )
    make_lead("Secreta roof", contact=zulmira, responsible=dora)
    change_office("", restricts_agents=True, by=alice)
    db.session.commit()
    return bob


def dial(browser: FlaskClient, number: str = FOREIGN, **fields: str) -> Any:
    return browser.post("/telephony/dial", data={"number": number} | fields, headers=HTMX)


def rows() -> int:
    return db.session.scalar(select(func.count(DialRequest.id))) or 0


@pytest.mark.parametrize("who", ["bob", "carol"])
def test_the_card_of_a_click_names_nobody_whom_its_user_may_not_see(
    request: pytest.FixtureRequest, restricted: User, client_of: ClientOf, who: str
) -> None:
    browser = client_of(request.getfixturevalue(who))
    for writing in (FOREIGN, "961 234 567", "00351961234567"):
        assert "Secreta" not in dial(browser, writing).text
        assert "Secreta" not in dial(browser, writing, confirm="yes").text
    assert "Secreta" not in browser.get("/telephony/dials").text


def test_the_card_names_whom_its_user_may_see(
    restricted: User, dora: User, client_of: ClientOf
) -> None:
    assert SECRET_NAME in dial(client_of(dora)).text
    make_contact("Ana Minha", phones=("+351912345678",), responsible=restricted)
    assert "Ana Minha" in dial(client_of(restricted), "+351912345678").text


def test_a_call_that_a_restricted_agent_dials_names_nobody_on_any_page(
    app: Flask, restricted: User, client_of: ClientOf
) -> None:
    fact = Fact(FactKind.OUTGOING_STARTED, "out_1", clock.now(), called=FOREIGN, extension="101")
    with db.engine.begin() as connection:
        call_id = record(connection, fact, "").call_id
    browser = client_of(restricted)
    dial(browser)
    number = FOREIGN[1:]
    pages = [
        "/", "/contacts", "/leads", "/tasks", f"/calls/{call_id}/attach?q={number}",
        f"/search?q={number}", "/search?q=Zulm", f"/search/suggestions?q={number}",
        f"/leads/new?number={number}", f"/leads/new?call_id={call_id}", "/leads?q=Secreta",
        f"/contacts/new?number={number}", f"/contacts?q={number}",
    ]  # fmt: skip
    pages += [
        rule.rule.replace("<int:call_id>", str(call_id))
        for rule in app.url_map.iter_rules()
        if "GET" in (rule.methods or ())
        and rule.endpoint.startswith(("calls.", "telephony."))
        and rule.arguments <= {"call_id"}
    ]
    for page in dict.fromkeys(pages):
        for headers in ({}, HTMX):
            text = browser.get(page, headers=headers).get_data(as_text=True)
            assert SECRET_NAME not in text, (page, headers)
            assert "Secreta Lda" not in text, (page, headers)
            assert "Secreta roof" not in text, (page, headers)


def test_who_may_see_the_contact_still_reads_its_name_in_the_log(
    restricted: User, dora: User, client_of: ClientOf
) -> None:
    fact = Fact(FactKind.OUTGOING_STARTED, "out_1", clock.now(), called=FOREIGN, extension="103")
    with db.engine.begin() as connection:
        record(connection, fact, "")
    assert SECRET_NAME in client_of(dora).get("/calls").text


def test_ten_clicks_a_minute_and_sixty_an_hour_and_then_a_sentence(
    bob: User, client_of: ClientOf, frozen: time_machine.Traveller
) -> None:
    browser = client_of(bob)
    codes = [dial(browser).status_code for _ in range(12)]
    assert codes == [422] * 10 + [429] * 2
    refused = dial(browser)
    assert "Too many calls in a short time. Try again in 1 minute." in refused.text
    assert 0 < int(refused.headers["Retry-After"]) <= 61
    for _minute in range(5):
        frozen.shift(timedelta(seconds=61))
        assert [dial(browser).status_code for _ in range(10)] == [422] * 10
    frozen.shift(timedelta(seconds=61))
    assert dial(browser).status_code == 429
    assert 3_000 < int(dial(browser).headers["Retry-After"]) <= 3_600
    frozen.shift(timedelta(hours=1))
    assert dial(browser).status_code == 422


def test_one_users_clicks_stop_nobody_else(
    bob: User, dora: User, client_of: ClientOf, frozen: time_machine.Traveller
) -> None:
    for _ in range(12):
        dial(client_of(bob))
    assert dial(client_of(dora)).status_code == 422


def test_what_is_refused_for_its_number_asks_nothing_of_the_pbx(
    connected: Flask,
    bob: User,
    client_of: ClientOf,
    frozen: time_machine.Traveller,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []

    def note(_client: ZadarmaClient, extension: str) -> bool:
        asked.append(extension)
        return False

    monkeypatch.setattr(ZadarmaClient, "extension_status", note)
    for number in range(15):
        dial(client_of(bob), f"+35191000{number:04}")
    assert len(asked) == 10


def test_an_agent_without_an_extension_leaves_no_rows_without_end(
    carol: User, client_of: ClientOf, frozen: time_machine.Traveller
) -> None:
    browser = client_of(carol)
    for number in range(50):
        dial(browser, f"+35191000{number:04}")
        frozen.shift(timedelta(minutes=2))
    assert rows() == 20


def test_nor_does_somebody_who_dials_nonsense(
    connected: Flask, bob: User, client_of: ClientOf, frozen: time_machine.Traveller
) -> None:
    browser = client_of(bob)
    for number in range(30):
        assert dial(browser, f"nonsense {number}").status_code == 422
        frozen.shift(timedelta(minutes=2))
    assert rows() == 0


def test_without_javascript_the_refusal_is_a_page_with_the_sentence(
    bob: User, client_of: ClientOf, frozen: time_machine.Traveller
) -> None:
    browser = client_of(bob)
    for _ in range(10):
        browser.post("/telephony/dial", data={"number": FOREIGN})
    page = browser.post("/telephony/dial", data={"number": FOREIGN})
    assert page.status_code == 429
    assert "Too many calls" in page.text
    assert "<html" in page.text
