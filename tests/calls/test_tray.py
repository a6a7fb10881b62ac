"""The tray: which card is open, what is a row, what is named, and when it changes by itself."""

import itertools
import re
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from flask.testing import FlaskClient

from crm_app.accounts.models import User
from crm_app.calls.fold.facts import Disposition, FactKind
from crm_app.calls.models import Call
from crm_app.calls.popups.card_state import CardState
from crm_app.calls.popups.tray import Shown, arrange
from crm_app.calls.wrapup import waiting
from crm_app.demo import make_contact
from tests.calls.popup_story import (
    ANA,
    HTMX,
    ClientOf,
    answer,
    card,
    end,
    fact,
    is_open,
    ring,
    tray,
)  # fmt: skip

TALK, RINGS, ENDED, OVER = (
    CardState.TALKING, CardState.RINGING, CardState.WRAP_UP, CardState.OVER,
)  # fmt: skip


def calls(*states: CardState, **more: object) -> list[Shown]:
    """Make calls in some states, the newest first."""
    return [Shown(Call(id=number), state, **more) for number, state in enumerate(states, 1)]  # type: ignore[arg-type]


def opened(client: FlaskClient, query: str = "") -> str:
    """The PBX's id of the call whose card is open, "" when none is."""
    text = client.get(f"/calls/tray{query}", headers=HTMX).text
    after = text.partition('class="call-card"')[2]
    return after.partition('data-call-id="')[2].partition('"')[0]


def again_in(client: FlaskClient) -> int:
    text = client.get("/calls/tray", headers=HTMX).text
    return int(text.partition('data-again-in="')[2].partition('"')[0] or 0)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 6])
def test_it_has_one_open_card_and_names_who_rings_in_any_mixture(count: int) -> None:
    for states in itertools.combinations_with_replacement([TALK, RINGS, ENDED, OVER], count):
        shown = calls(*states)
        made = arrange(shown, None)
        rows = [*made.pinned, *made.more, *made.below]
        assert made.open is not None
        assert made.open not in rows
        assert len(rows) == count - 1
        expected = next(state for state in (TALK, RINGS, ENDED, OVER) if state in states)
        assert made.open.state is expected
        named = [one for one in [made.open, *made.pinned] if one.state is RINGS]
        assert len(named) == min(states.count(RINGS), 3)
        assert [one.state for one in made.pinned] == sorted(
            (one.state for one in made.pinned), key=[TALK, RINGS].index
        )
        assert {one.state for one in made.more} <= {RINGS}
        assert TALK not in {one.state for one in made.below}


def test_it_opens_what_was_asked_for() -> None:
    made = arrange(calls(TALK, RINGS, RINGS), 3)
    assert (made.open.call.id, made.is_chosen) == (3, True)
    assert [one.call.id for one in made.pinned] == [1, 2]
    assert not arrange(calls(TALK), 9).is_chosen


def test_it_keeps_a_write_up_open_that_somebody_types_while_others_ring() -> None:
    begun = Shown(Call(id=9), ENDED, is_begun=True)
    assert arrange([*calls(RINGS), begun], None).open is begun
    assert arrange([*calls(TALK), begun], None).open.state is TALK


def test_it_opens_nothing_beside_a_talk_that_was_folded() -> None:
    made = arrange([*calls(TALK, is_closed=True), *calls(RINGS)], None)
    assert made.open is None
    assert [one.state for one in made.pinned] == [TALK, RINGS]


def test_it_says_when_it_changes_by_itself() -> None:
    now = datetime(2026, 3, 2, 12, tzinfo=UTC)
    soon = Shown(Call(id=1), ENDED, until=now + timedelta(seconds=9.5))
    late = Shown(Call(id=2), RINGS, until=now + timedelta(minutes=3))
    assert arrange([late, soon], None).again_in(now) == 10
    assert arrange([], None).again_in(now) is None


@pytest.mark.usefixtures("traveller")
class TestTime:
    def test_a_call_asks_for_a_minute_and_then_waits_in_the_counter(
        self, client_of: ClientOf, bob: User, traveller: time_machine.Traveller
    ) -> None:
        talk()
        client = client_of(bob)
        assert again_in(client) == 60
        traveller.shift(timedelta(seconds=59))
        assert tray(client) == ["ended"]
        traveller.shift(timedelta(seconds=2))
        assert tray(client) == []
        assert waiting.open_count(bob) == 1

    def test_a_call_that_is_being_written_up_stays(
        self, client_of: ClientOf, bob: User, traveller: time_machine.Traveller
    ) -> None:
        call = talk()
        client = client_of(bob)
        client.post(f"/calls/{call.id}/wrapup/draft", data={"note": "Wants"})
        traveller.shift(timedelta(minutes=5))
        assert tray(client) == ["ended"]
        client.post(f"/calls/{call.id}/popup/close", headers=HTMX)
        assert tray(client) == []
        assert waiting.open_count(bob) == 1

    def test_a_call_that_nobody_answered_goes_after_ten_seconds_and_never_waits(
        self, client_of: ClientOf, bob: User, traveller: time_machine.Traveller
    ) -> None:
        fact(FactKind.OUTGOING_STARTED, "out_1", extension="101", called=ANA)
        fact(
            FactKind.OUTGOING_ENDED, "out_1", extension="101", called=ANA,
            disposition=Disposition.NO_ANSWER, talk_seconds=0,
        )  # fmt: skip
        client = client_of(bob)
        assert (tray(client), again_in(client)) == (["ended"], 10)
        traveller.shift(timedelta(seconds=11))
        assert tray(client) == []
        assert waiting.open_count(bob) == 0

    def test_the_next_talk_takes_the_place_of_the_last_for_good(
        self, client_of: ClientOf, bob: User, traveller: time_machine.Traveller
    ) -> None:
        first = talk("in_1")
        client = client_of(bob)
        client.post(f"/calls/{first.id}/wrapup/draft", data={"note": "Wants"})
        traveller.shift(timedelta(seconds=5))
        ring("101", pbx_call_id="in_2")
        assert opened(client) == "in_1"
        assert tray(client) == ["ringing", "ended"]
        traveller.shift(timedelta(seconds=1))
        answer("101", "in_2")
        assert tray(client) == ["answered"]
        assert tray_with(client, first) == ["answered"]
        second = end("in_2")
        client.post(f"/calls/{second.id}/wrapup", data={"outcome": "done"}, headers=HTMX)
        assert tray(client) == []
        assert waiting.open_count(bob) == 1

    def test_a_draft_of_a_while_ago_gives_way_to_who_rings(
        self, client_of: ClientOf, bob: User, traveller: time_machine.Traveller
    ) -> None:
        call = talk("in_1")
        client = client_of(bob)
        client.post(f"/calls/{call.id}/wrapup/draft", data={"note": "Wants"})
        traveller.shift(timedelta(seconds=61))
        ring("101", pbx_call_id="in_2")
        assert opened(client) == "in_2"
        assert opened(client, f"?open={call.id}") == "in_1"


@pytest.mark.usefixtures("traveller")
class TestWords:
    def test_it_says_in_one_line_who_rings_and_that_a_call_has_ended(
        self, client_of: ClientOf, bob: User
    ) -> None:
        company = make_contact("Vinhos do Vale", kind="company")
        make_contact("Beatriz Gonçalves", phones=(ANA,), company=company)
        client = client_of(bob)
        ring("101")
        said = 'data-said="Incoming call: Beatriz Gonçalves, Vinhos do Vale. F2 opens."'
        assert said in client.get("/calls/tray", headers=HTMX).text
        answer("101")
        assert 'data-said=""' in client.get("/calls/tray", headers=HTMX).text
        end()
        assert "Call ended. Write up: F2." in client.get("/calls/tray", headers=HTMX).text

    def test_it_names_the_line_only_where_there_are_several(
        self, client_of: ClientOf, bob: User
    ) -> None:
        assert "Line" not in card(client_of(bob), ring("101"))
        end(disposition=Disposition.CANCELLED, talk_seconds=0)
        assert "Line" in card(client_of(bob), ring("101", pbx_call_id="in_2", did="+351210000002"))

    def test_it_has_a_note_and_tasks_from_the_answer_on_and_outcomes_after_it(
        self, client_of: ClientOf, bob: User
    ) -> None:
        call = ring("101")
        assert 'name="note"' not in card(client_of(bob), call)
        answer("101")
        talking = card(client_of(bob), call)
        assert 'name="note"' in talking
        assert 'name="chip"' in talking
        assert 'name="outcome"' not in talking
        assert 'name="outcome"' in card(client_of(bob), end())

    def test_more_than_three_ringing_are_counted(self, client_of: ClientOf, bob: User) -> None:
        for number in range(5):
            ring("101", pbx_call_id=f"in_{number}")
        text = client_of(bob).get("/calls/tray", headers=HTMX).text
        assert "+2 ringing" in text
        assert is_open(client_of(bob))

    def test_it_sends_no_indentation_and_leaves_notes_as_they_were_typed(
        self, client_of: ClientOf, bob: User
    ) -> None:
        call = ring("101")
        answer("101")
        note = "Wants:\n   two tables\n   six chairs"
        client_of(bob).post(f"/calls/{call.id}/wrapup/draft", data={"note": note})
        text = client_of(bob).get("/calls/tray", headers=HTMX).text
        assert note in text
        assert not re.search(r">\s{2,}<", text)


def talk(pbx_call_id: str = "in_1") -> Call:
    """Let somebody call, be answered and hang up now."""
    ring("101", pbx_call_id=pbx_call_id)
    answer("101", pbx_call_id)
    return end(pbx_call_id)


def tray_with(client: FlaskClient, call: Call) -> list[str]:
    """The tray of a tab that would like another card to be open."""
    text = client.get(f"/calls/tray?open={call.id}", headers=HTMX).text
    return [part.partition('"')[0] for part in text.split('data-state="')[1:]]
