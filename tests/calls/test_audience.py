"""Who hears that a call has changed: all whose screens show it, however it was changed."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine

from crm_app import clock
from crm_app.accounts.models import User
from crm_app.calls.audience import messages
from crm_app.calls.fold.facts import Fact, FactKind
from crm_app.calls.store.ledger import Recorded, record
from crm_app.demo import make_contact
from crm_app.extensions import db
from crm_app.live.messages import OFFICE
from crm_app.live.screen_updates import screen_updates
from tests.calls.popup_story import ANA, LINE, ClientOf, answer, card, end, heard, ring, tray
from tests.told import told

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
    # Had the first news not left yet, the second would be the same.
    assert heard(bob) == 1
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


def tell(kind: FactKind, **told: Any) -> Recorded:
    """Store a fact and send what the webhook sends."""
    recorded = record(db.session.connection(), Fact(kind, "in_1", clock.now(), **told), "")
    db.session.commit()
    for users, message in messages(recorded):
        screen_updates.enqueue(users, message)
    return recorded


def test_pages_that_list_calls_hear_of_one_and_whose_client_it_is_with(
    alice: User, bob: User, carol: User
) -> None:
    ana = make_contact("Ana Sousa", phones=(ANA,), responsible_id=carol.id)
    call_id = tell(FactKind.STARTED, caller=ANA, did=LINE).call_id
    log = f'{{"log":{call_id},"contact":{ana.id}}}'
    assert (told(OFFICE), told(carol.id), told(bob.id)) == ([log], [log], [])
    tell(FactKind.RANG, caller=ANA, did=LINE, extension="101")
    assert told(bob.id) == [f'{{"call":{call_id}}}']
    assert told(OFFICE) == [log, log]


def test_they_hear_nothing_of_a_fact_that_comes_twice(bob: User) -> None:
    tell(FactKind.STARTED, caller=ANA, did=LINE)
    tell(FactKind.STARTED, caller=ANA, did=LINE)
    assert len(told(OFFICE)) == 1


def test_they_hear_whom_a_call_was_with_and_how_it_was_written_up(
    client_of: ClientOf, alice: User, bob: User
) -> None:
    ring("101")
    answer("101")
    call = end()
    rui = make_contact("Rui Melo")
    client_of(alice).post(f"/calls/{call.id}/attach", data={"contact_id": rui.id})
    assert told(OFFICE) == [f'{{"log":{call.id}}}']
    saved = client_of(bob).post(f"/calls/{call.id}/wrapup", data={"note": "Wants a quote"})
    assert saved.status_code == 303
    assert told(OFFICE) == [f'{{"log":{call.id}}}'] * 2
