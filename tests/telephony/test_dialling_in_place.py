"""One dial request at a time; what speaks against it is said in place, and failures are kept."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier
from typing import Any

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from crm_app import clock
from crm_app.accounts.models import User
from crm_app.accounts.services import change_office
from crm_app.callbacks.models import CallBack
from crm_app.calls.fold.facts import Fact, FactKind
from crm_app.calls.store.ledger import record
from crm_app.demo import make_contact, make_user
from crm_app.errors import InvalidInputError
from crm_app.extensions import db
from crm_app.telephony.dialling import placing, services
from crm_app.telephony.dialling.models import DialRequest, DialState
from crm_app.telephony.dialling.services import NewDialRequest
from crm_app.telephony.zadarma.errors import ErrorCode, ZadarmaError
from crm_app.telephony.zadarma.replies import Balance
from tests.reader import Element, elements_of
from tests.telephony.conftest import start_fields

ClientOf = Callable[[User], FlaskClient]
ANA, RUI, LINE = "+351910000042", "+351910000043", "+351210000001"
OWN = "This is a number of your own office."
HTMX = {"HX-Request": "true"}
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


class Pbx:
    """An API that takes every request, or refuses each for one reason; counts what it dialled."""

    def __init__(self, refusal: ErrorCode | None = None) -> None:
        self.refusal = refusal
        self.dialled: list[str] = []

    def extension_status(self, extension: str) -> bool:
        return bool(extension)

    def balance(self) -> Balance:
        return Balance(1_000, "EUR")

    def request_callback(self, extension: str, number: str) -> None:
        if self.refusal is not None:
            raise ZadarmaError(self.refusal, "")
        self.dialled.append(number)


def ask(user: User, number: str = ANA, **more: Any) -> NewDialRequest:
    return NewDialRequest(user.id, user.extension or "", number, "PT", **more)


def place(pbx: Pbx, asked: NewDialRequest) -> int:
    dial_id = placing.place(asked, pbx)  # type: ignore[arg-type]
    db.session.rollback()
    return dial_id


def refusal(pbx: Pbx, asked: NewDialRequest) -> InvalidInputError:
    with pytest.raises(InvalidInputError) as caught:
        place(pbx, asked)
    db.session.rollback()
    return caught.value


def rows() -> list[DialRequest]:
    db.session.rollback()
    return list(db.session.scalars(select(DialRequest).order_by(DialRequest.id)))


def tell(kind: FactKind, pbx_call_id: str, **told: Any) -> None:
    record(db.session.connection(), Fact(kind, pbx_call_id, clock.now(), **told), "")
    db.session.commit()


def click(browser: FlaskClient, number: str = ANA, **more: str) -> Any:
    answer = browser.post("/telephony/dial", data={"number": number} | more, headers=HTMX)
    db.session.rollback()
    return answer


def only(elements: list[Element], name: str, value: str) -> Element:
    return next(one for one in elements if one.get(name) == value)


def test_a_phone_that_rings_for_one_number_is_not_rung_for_another(app: Flask, bob: User) -> None:
    pbx = Pbx()
    with time_machine.travel(NOON, tick=False) as traveller:
        first = place(pbx, ask(bob))
        refused = refusal(pbx, ask(bob, RUI))
        assert (refused.code, refused.details["number"]) == ("already_ringing", ANA)
        assert place(pbx, ask(bob)) == first
        assert (pbx.dialled, len(rows())) == ([ANA], 1)
        traveller.shift(timedelta(seconds=31))
        place(pbx, ask(bob, RUI))
        assert pbx.dialled == [ANA, RUI]


def test_two_numbers_clicked_at_the_same_moment_ring_the_phone_once(app: Flask, bob: User) -> None:
    start, pbx, asked = Barrier(2), Pbx(), [ask(bob), ask(bob, RUI)]
    db.session.commit()

    def click_(wanted: NewDialRequest) -> str:
        with app.app_context():
            start.wait(60)
            try:
                place(pbx, wanted)
            except InvalidInputError as error:
                return error.code
            return ""

    with ThreadPoolExecutor(2) as pool:
        codes = [one.result(60) for one in [pool.submit(click_, one) for one in asked]]
    assert sorted(codes) == ["", "already_ringing"]
    assert (len(pbx.dialled), len(rows())) == (1, 1)


def test_a_colleagues_phone_is_another_phone(app: Flask, bob: User, dora: User) -> None:
    pbx = Pbx()
    place(pbx, ask(bob))
    place(pbx, ask(dora, RUI))
    assert pbx.dialled == [ANA, RUI]


def test_the_next_number_can_be_dialled_once_the_call_has_come(
    app: Flask, bob: User, post: Callable[..., Any]
) -> None:
    pbx = Pbx()
    place(pbx, ask(bob))
    fields = start_fields(
        event="NOTIFY_OUT_START", pbx_call_id="out_1", destination=ANA[1:], internal="101"
    )
    assert post(fields).status_code == 200
    place(pbx, ask(bob, RUI))
    assert pbx.dialled == [ANA, RUI]


@pytest.mark.parametrize("who", ["bob", "carol"])
def test_two_clicks_on_a_refused_call_store_one_row(
    request: pytest.FixtureRequest, app: Flask, client_of: ClientOf, who: str
) -> None:
    browser = client_of(request.getfixturevalue(who))
    for _ in "12":
        assert click(browser).status_code == 422
    reason = {"bob": "not_connected", "carol": "no_extension"}[who]
    assert [row.error_code for row in rows()] == [reason]


def test_two_clicks_at_the_same_moment_on_a_refused_call_store_one_row(
    app: Flask, bob: User
) -> None:
    start, browsers = Barrier(2), [app.test_client(user=bob) for _ in "12"]
    db.session.commit()

    def send(browser: FlaskClient) -> int:
        start.wait(60)
        answer = browser.post("/telephony/dial", data={"number": ANA}, headers=HTMX)
        return answer.status_code

    with ThreadPoolExecutor(2) as pool:
        codes = [one.result(60) for one in [pool.submit(send, browser) for browser in browsers]]
    assert (codes, len(rows())) == ([422, 422], 1)


def test_a_number_that_the_pbx_refuses_again_keeps_one_row(app: Flask, bob: User) -> None:
    pbx = Pbx(ErrorCode.WRONG_NUMBER)
    first = place(pbx, ask(bob))
    assert place(pbx, ask(bob)) == first
    assert [(row.state, row.error_code) for row in rows()] == [(DialState.FAILED, "wrong_number")]
    pbx.refusal = None
    assert place(pbx, ask(bob)) == first
    assert [(row.state, row.error_code) for row in rows()] == [(DialState.ACCEPTED, "")]


@pytest.mark.parametrize(
    ("typed", "says"),
    [("91", "This number is too short."), ("hello", "This is not a phone number."),
     ("101", OWN), (LINE, OWN), ("210 000 001", OWN)],
)  # fmt: skip
def test_a_typing_error_stands_below_the_field_which_stays_filled_and_is_no_request(
    connected: Flask, bob: User, client_of: ClientOf, typed: str, says: str
) -> None:
    tell(FactKind.STARTED, "in_1", caller=RUI, did=LINE)
    for place_ in ("top", "page"):
        answer = click(client_of(bob), typed, place=place_)
        assert answer.status_code == 422
        elements = elements_of(answer.text)
        field = only(elements, "name", "number")
        assert (field.get("value"), field.get("aria-invalid")) == (typed, "true")
        assert only(elements, "id", field.get("aria-describedby")).text.strip() == says
        assert "data-dial-state" not in answer.text
    assert rows() == []


def test_without_scripts_a_typing_error_stands_below_the_field_of_the_diallers_page(
    connected: Flask, bob: User, client_of: ClientOf
) -> None:
    data = {"number": "91", "place": "top"}
    page = client_of(bob).post("/telephony/dial", data=data)
    assert page.status_code == 422
    elements = elements_of(page.text)
    (field,) = [one for one in elements if one.get("aria-describedby") == "dialler-page-error"]
    assert field.get("value") == "91"
    assert only(elements, "id", "dialler-page-error").text.strip() == "This number is too short."
    assert only(elements, "id", "dialler-top-error").text.strip() == ""


def test_a_question_about_a_colleagues_talk_names_the_colleague(
    connected: Flask, bob: User, dora: User, client_of: ClientOf
) -> None:
    tell(FactKind.STARTED, "in_1", caller=ANA, did=LINE)
    tell(FactKind.RANG, "in_1", caller=ANA, extension="103", did=LINE)
    # A client who still rings may be called.
    assert place(Pbx(), ask(bob)) == rows()[0].id
    with time_machine.travel(clock.now() + timedelta(seconds=31), tick=False):
        services.expire()
        db.session.commit()
        tell(FactKind.ANSWERED, "in_1", called="103", extension="103", did=LINE)
        answer = click(client_of(bob))
    assert answer.status_code == 422
    assert "Dora Manager has been on the phone with this client since" in answer.text
    assert 'name="confirm" value="yes"' in answer.text
    assert len(rows()) == 1


def test_a_question_names_who_is_calling_and_who_holds_the_call_back(
    connected: Flask, bob: User, dora: User, client_of: ClientOf
) -> None:
    holder = make_user("Hugo Holder")
    db.session.add(CallBack(number=ANA, misses=1, taken_by_id=holder.id, taken_at=clock.now()))
    db.session.commit()
    place(Pbx(), ask(bob, is_confirmed=True))
    # Bob's phone rings, and the PBX has reported no call yet.
    refused = refusal(Pbx(), ask(dora))
    assert (refused.code, refused.details["who"]) == ("in_dial", bob.name)
    assert isinstance(refused.details["since"], datetime)
    tell(FactKind.OUTGOING_STARTED, "out_1", caller="101", extension="101", called=ANA)
    said = click(client_of(dora)).text
    assert "Hugo Holder took this call-back at" in said
    assert f"{bob.name} has been calling this client since" in said


def test_a_question_tells_nothing_of_talks_that_its_user_may_not_see(
    app: Flask, alice: User, bob: User, dora: User
) -> None:
    make_contact("Zulmira", phones=(ANA,), responsible=dora)
    change_office("", restricts_agents=True, by=alice)
    tell(FactKind.STARTED, "in_1", caller=ANA, did=LINE)
    tell(FactKind.RANG, "in_1", caller=ANA, extension="103", did=LINE)
    tell(FactKind.ANSWERED, "in_1", called="103", extension="103", did=LINE)
    pbx = Pbx()
    place(pbx, ask(bob))
    assert pbx.dialled == [ANA]
    assert refusal(pbx, ask(dora)).code == "in_call"
    assert refusal(pbx, ask(alice)).details["who"] == "Dora Manager"


def test_without_scripts_a_page_asks_before_it_calls(
    connected: Flask, bob: User, client_of: ClientOf
) -> None:
    make_contact("Ana Sousa", phones=(ANA,), do_not_call=True)
    db.session.commit()
    page = client_of(bob).post("/telephony/dial", data={"number": ANA})
    assert page.status_code == 422
    main = page.text.partition("<main")[2]
    assert "Ana Sousa" in main
    assert "This contact asked not to be called. Call anyway?" in main
    assert 'name="confirm" value="yes"' in main
    assert rows() == []


@pytest.fixture
def failed(app: Flask, bob: User, client_of: ClientOf) -> FlaskClient:
    """Bob's browser after his call to Ana failed."""
    make_contact("Ana Sousa", phones=(ANA,))
    place(Pbx(ErrorCode.NO_MONEY), ask(bob))
    return client_of(bob)


def test_a_failure_is_one_row_that_says_why_and_offers_another_try(
    bob: User, client_of: ClientOf
) -> None:
    with time_machine.travel(NOON, tick=False) as traveller:
        place(Pbx(ErrorCode.NO_MONEY), ask(bob, RUI))
        traveller.shift(timedelta(seconds=1))
        place(Pbx(ErrorCode.UNREACHABLE), ask(bob))
        browser = client_of(bob)
        row = browser.get("/telephony/dials", headers=HTMX).text
        assert row.count("data-dial-state=") == 1
        assert 'role="alert"' in row
        assert "Zadarma cannot be reached at the moment." in row
        assert "Try again: 910 000 042" in row
        traveller.shift(timedelta(seconds=15))
        assert browser.get("/telephony/dials", headers=HTMX).text.strip() == ""


def test_a_failure_goes_when_the_next_call_begins(failed: FlaskClient) -> None:
    assert "no credit" in failed.get("/telephony/dials", headers=HTMX).text
    db.session.rollback()
    with time_machine.travel(clock.now() + timedelta(seconds=2), tick=False):
        tell(FactKind.STARTED, "in_1", caller=RUI, did=LINE)
        tell(FactKind.RANG, "in_1", caller=RUI, extension="101", did=LINE)
        assert failed.get("/telephony/dials", headers=HTMX).text.strip() == ""


def test_a_failure_goes_with_its_page(failed: FlaskClient) -> None:
    opened = clock.now().timestamp()
    assert "no credit" in failed.get(f"/telephony/dials?since={opened - 5}", headers=HTMX).text
    after = failed.get(f"/telephony/dials?since={opened + 1}", headers=HTMX).text
    assert after.strip() == ""
    assert "no credit" not in click(failed, "91").text
    for nonsense in ("x", "inf", "nan", "1e99", "-1e99", ""):
        answer = failed.get(f"/telephony/dials?since={nonsense}", headers=HTMX)
        assert answer.status_code == 200, nonsense


def test_a_call_that_waits_for_its_phone_stays_over_a_change_of_page(
    app: Flask, bob: User, client_of: ClientOf
) -> None:
    place(Pbx(), ask(bob))
    opened = clock.now().timestamp() + 1
    text = client_of(bob).get(f"/telephony/dials?since={opened}", headers=HTMX).text
    assert "Your phone rings first" in text


def test_without_scripts_the_diallers_page_says_that_the_phone_rings(
    app: Flask, bob: User, client_of: ClientOf
) -> None:
    place(Pbx(), ask(bob))
    page = client_of(bob).get("/telephony/dials").text
    assert "Your phone rings first" in page.partition("<main")[2]


def test_failures_of_today_are_listed_until_they_are_cleared(
    bob: User, dora: User, client_of: ClientOf
) -> None:
    make_contact("Ana Sousa", phones=(ANA,))
    with time_machine.travel(NOON - timedelta(days=1), tick=False) as traveller:
        place(Pbx(ErrorCode.NO_MONEY), ask(bob, "+351910000041"))
        traveller.move_to(NOON)
        place(Pbx(ErrorCode.NO_MONEY), ask(bob))
        place(Pbx(ErrorCode.NO_MONEY), ask(dora, "+351910000044"))
        for last in range(5, 9):
            traveller.shift(timedelta(minutes=1))
            place(Pbx(ErrorCode.UNREACHABLE), ask(bob, f"+35191000004{last}"))
        browser = client_of(bob)
        listed = browser.get("/telephony/dials/failed", headers=HTMX).text
        assert listed.count("data-failed-dial=") == 5
        assert "Ana Sousa" in listed
        assert "no credit left" in listed
        assert "Try again: Ana Sousa" in listed
        assert "910 000 041" not in listed
        assert "910 000 044" not in listed
        assert "Ana Sousa" in browser.get("/telephony/dials").text
        assert browser.get("/telephony/dials/failed").status_code == 303
        cleared = browser.post("/telephony/dials/clear", headers=HTMX)
        db.session.rollback()
        assert cleared.text.strip() == ""
        assert "data-failed-dial" not in browser.get("/telephony/dials").text
        other = client_of(dora).get("/telephony/dials/failed", headers=HTMX).text
        assert "910 000 044" in other


@pytest.mark.parametrize(
    ("state", "says"),
    [(DialState.ACCEPTED, "Nobody picked up your phone, so no call was made."),
     (DialState.PICKED_UP, "Your phone was picked up, but the PBX started no call."),
     (DialState.UNCERTAIN, "The PBX did not answer. If your phone stays silent, try again."),
     (DialState.REQUESTED, "Zadarma did not answer in time.")],
)  # fmt: skip
def test_what_is_given_up_says_how_far_it_came(
    bob: User, client_of: ClientOf, state: DialState, says: str
) -> None:
    with time_machine.travel(NOON, tick=False) as traveller:
        row = DialRequest(user_id=bob.id, extension="101", number=ANA, state=state)
        db.session.add(row)
        db.session.commit()
        traveller.shift(timedelta(seconds=31))
        browser = client_of(bob)
        assert says in browser.get("/telephony/dials", headers=HTMX).text
        services.expire()
        db.session.commit()
        assert says in browser.get("/telephony/dials", headers=HTMX).text
        assert db.session.scalar(select(func.count(DialRequest.id))) == 1


def test_a_button_is_answered_beside_it_and_a_field_below_it(
    connected: Flask, bob: User, client_of: ClientOf
) -> None:
    beside = click(client_of(bob), "91").text
    assert 'id="dial-ask-says"' in beside
    assert "dialler-" not in beside
    below = click(client_of(bob), "91", place="top").text
    assert 'id="dial-ask-says"' not in below
    assert click(client_of(bob), "91", place="nowhere").text == beside
