"""Who hears that a call has changed: all whose screens show it, however it was changed."""

from datetime import timedelta

import pytest
import time_machine

from crm_app.accounts.models import User
from crm_app.demo import make_contact
from tests.calls.popup_story import ClientOf, answer, card, end, heard, ring, tray

pytestmark = pytest.mark.usefixtures("traveller")


def test_a_contact_attached_on_the_page_of_a_call_reaches_the_cards_of_colleagues(
    client_of: ClientOf, alice: User, bob: User, erin: User, carol: User
) -> None:
    rui = make_contact("Rui Melo", phones=("+351910000099",))
    ring("101", "102")
    answer("101")
    call = end()
    assert tray(client_of(bob)) == ["ended"]
    answer_of_page = client_of(alice).post(f"/calls/{call.id}/attach", data={"contact_id": rui.id})
    assert answer_of_page.status_code == 303
    assert (heard(bob), heard(erin), heard(carol)) == (1, 1, 0)
    assert "Rui Melo" in card(client_of(bob), call)


def test_it_reaches_the_cards_of_other_calls_of_the_number(
    client_of: ClientOf, alice: User, bob: User, erin: User, traveller: time_machine.Traveller
) -> None:
    first = ring("101")
    traveller.shift(timedelta(seconds=5))
    second = ring("102", pbx_call_id="in_2")
    rui = make_contact("Rui Melo", phones=("+351910000099",))
    client_of(alice).post(
        f"/calls/{first.id}/attach", data={"contact_id": rui.id, "keeps_number": "1"}
    )
    assert (heard(bob), heard(erin)) == (1, 1)
    assert "Rui Melo" in card(client_of(erin), second)


def test_an_undo_of_it_reaches_them_too(client_of: ClientOf, alice: User, bob: User) -> None:
    rui = make_contact("Rui Melo")
    call = ring("101")
    client_of(alice).post(f"/calls/{call.id}/attach", data={"contact_id": rui.id})
    client_of(alice).post(f"/calls/{call.id}/attach", data={"automatic": "1"})
    assert heard(bob) == 2
    assert "Rui Melo" not in card(client_of(bob), call)


def test_nobody_hears_of_what_was_refused(client_of: ClientOf, alice: User, bob: User) -> None:
    call = ring("101")
    assert (
        client_of(alice).post(f"/calls/{call.id}/attach", data={"contact_id": 4711}).status_code
        == 404
    )
    assert heard(bob) == 0
