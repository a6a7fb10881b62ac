"""What goes wrong at the press of a button on the page that rings the office."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from crm_app.simulator import Simulator
from crm_app.simulator.conditions.table import groups
from crm_app.telephony.zadarma.client import ZadarmaClient
from crm_app.telephony.zadarma.errors import ZadarmaError
from tests.simulator.conftest import KEY, SECRET, Office
from tests.simulator.test_page import get, press


@pytest.fixture
def pbx(office: Office) -> Iterator[Simulator]:
    with Simulator(KEY, SECRET, office.url, extensions=["101", "102"]) as simulator:
        yield simulator
    assert simulator.errors == []


def client_of(pbx: Simulator) -> ZadarmaClient:
    return ZadarmaClient(KEY, SECRET, pbx.url)


def talk(pbx: Simulator) -> None:
    """Let a client call, and 101 talk with them."""
    call = pbx.ring("+351910000042")
    call.answer("101")
    call.hang_up()


def test_every_choice_does_something_and_is_shown_as_chosen(pbx: Simulator) -> None:
    for group in list(groups(pbx)):
        for choice in group.choices:
            was_on = choice.is_on(pbx)
            press(pbx, f"/conditions/{group.key}", choice=choice.key)
            assert choice.is_on(pbx) != (was_on and group.key == "phones")
            pressed = 'aria-pressed="true" aria-label="' + f"{group.title}: {choice.title}"
            assert (pressed in get(pbx, "/conditions")) is choice.is_on(pbx)
    assert "What goes wrong" in get(pbx, "/")


def test_it_does_nothing_for_a_choice_that_does_not_exist(pbx: Simulator) -> None:
    before = get(pbx, "/conditions")
    press(pbx, "/conditions/nonsense", choice="late")
    press(pbx, "/conditions/lost", choice="101")
    press(pbx, "/conditions/lost")
    assert get(pbx, "/conditions") == before


def test_only_the_next_recording_is_announced_twice(pbx: Simulator, office: Office) -> None:
    press(pbx, "/conditions/recording", choice="twice")
    talk(pbx)
    assert office.events.count("NOTIFY_RECORD") == 2
    talk(pbx)
    assert office.events.count("NOTIFY_RECORD") == 3


@pytest.mark.parametrize("choice", ["late", "never"])
def test_the_next_recording_has_no_link_yet_or_never(pbx: Simulator, choice: str) -> None:
    press(pbx, "/conditions/recording", choice=choice)
    talk(pbx)
    (name,) = pbx.history.recordings_of("", pbx.live_calls[0].pbx_call_id)
    with pytest.raises(ZadarmaError):
        client_of(pbx).recording_links(recording_id=name)


def test_what_is_lost_reaches_nobody_and_is_in_the_statistics(
    pbx: Simulator, office: Office
) -> None:
    press(pbx, "/conditions/lost", choice="100")
    talk(pbx)
    assert office.events == []
    begun = pbx.account.wall_clock()
    assert pbx.history.rows(begun - timedelta(hours=1), begun + timedelta(hours=1))
    press(pbx, "/conditions/lost", choice="0")
    talk(pbx)
    assert "NOTIFY_END" in office.events


def test_what_is_late_arrives(
    pbx: Simulator, office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []
    monkeypatch.setattr(pbx._stopping, "wait", lambda seconds=0.0: bool(waited.append(seconds)))
    press(pbx, "/conditions/delay", choice="late")
    pbx.play("in-busy")
    assert 10.0 in waited
    assert "NOTIFY_END" in office.events


@pytest.mark.parametrize("choice", ["limit", "error", "html", "down"])
def test_the_api_fails_until_it_is_healed(pbx: Simulator, choice: str) -> None:
    press(pbx, "/conditions/api", choice=choice)
    with pytest.raises(ZadarmaError):
        client_of(pbx).balance()
    press(pbx, "/conditions/api", choice="works")
    assert client_of(pbx).balance().currency == pbx.account.currency


def test_the_number_of_the_office_ends_soon(pbx: Simulator) -> None:
    press(pbx, "/conditions/number", choice="ends")
    (number,) = client_of(pbx).direct_numbers()
    assert not number.renews_itself
    press(pbx, "/conditions/number", choice="renewed")
    (number,) = client_of(pbx).direct_numbers()
    assert number.renews_itself
