"""Writing a call up: by one key, with or without a note and a task, and nothing typed is lost."""

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import time_machine
from sqlalchemy import select

from crm_app.accounts.models import User
from crm_app.calls.fold.facts import Disposition, FactKind
from crm_app.calls.models import Call, CallOutcome, CallWrapup
from crm_app.calls.wrapup import waiting
from crm_app.calls.wrapup.outcomes import DEFAULTS as DEFAULT_OUTCOMES
from crm_app.calls.wrapup.outcomes import ensure as ensure_outcomes
from crm_app.calls.wrapup.outcomes import offered as outcomes
from crm_app.calls.wrapup.services import due_of
from crm_app.demo import make_contact
from crm_app.extensions import db
from crm_app.tasks import services as tasks
from crm_app.tasks.models import Task
from tests.calls.popup_story import (
    ANA,
    HTMX,
    NOON,
    ClientOf,
    answer,
    card,
    end,
    fact,
    heard,
    ring,
    tray,
)

pytestmark = pytest.mark.usefixtures("traveller")
LISBON = ZoneInfo("Europe/Lisbon")


@pytest.fixture
def talked(bob: User) -> Call:
    """A call with Ana that Bob took and that is over."""
    make_contact("Ana Sousa", phones=(ANA,))
    ring("101")
    answer("101")
    return end()


def written(call: Call, user: User) -> CallWrapup:
    db.session.expire_all()
    return db.session.scalars(
        select(CallWrapup).where(CallWrapup.call_id == call.id, CallWrapup.user_id == user.id)
    ).one()


def test_it_opens_for_the_one_who_talked_and_not_for_those_who_let_it_ring(
    client_of: ClientOf, bob: User, erin: User
) -> None:
    ring("101", "102")
    answer("101")
    call = end()
    text = card(client_of(bob), call)
    assert 'data-state="ended"' in text
    assert "1:05" in text
    assert text.count('name="outcome"') == len(DEFAULT_OUTCOMES)
    assert card(client_of(erin), call) == ""


def test_it_opens_for_both_who_talked_in_a_transferred_call(
    client_of: ClientOf, bob: User, erin: User
) -> None:
    ring("101")
    answer("101")
    fact(FactKind.RANG, extension="102", transfer_from="101")
    answer("102", transfer_from="101")
    end(last_extension="102")
    assert tray(client_of(bob)) == tray(client_of(erin)) == ["ended"]


def test_it_asks_after_an_outgoing_call_also_when_nobody_was_reached(
    client_of: ClientOf, bob: User
) -> None:
    fact(FactKind.OUTGOING_STARTED, "out_1", extension="101", called=ANA)
    call = fact(
        FactKind.OUTGOING_ENDED, "out_1", extension="101", called=ANA,
        disposition=Disposition.NO_ANSWER, talk_seconds=0,
    )  # fmt: skip
    text = card(client_of(bob), call)
    assert "No answer" in text
    assert re.search(r'value="not_reached"[^>]*checked', text)
    assert waiting.open_count(bob) == 0


def test_it_is_saved_by_an_outcome_alone(client_of: ClientOf, bob: User, talked: Call) -> None:
    before = heard(bob)
    got = client_of(bob).post(
        f"/calls/{talked.id}/wrapup", data={"outcome": "interested", "place": "card"}, headers=HTMX
    )
    assert got.status_code == 200
    row = written(talked, bob)
    assert (row.outcome, row.note, row.saved_at) == ("interested", "", NOON)
    assert tray(client_of(bob)) == []
    assert heard(bob) == before + 1
    assert db.session.scalars(select(Task)).all() == []


def test_it_makes_the_next_task(client_of: ClientOf, bob: User, talked: Call) -> None:
    client_of(bob).post(
        f"/calls/{talked.id}/wrapup",
        data={"outcome": "call_again", "note": "Wants a price", "chip": "hour"},
        headers=HTMX,
    )
    task = db.session.scalars(select(Task)).one()
    assert (task.title, task.assignee_id) == ("Call Ana Sousa", bob.id)
    assert (task.due_at, task.has_time) == (NOON + timedelta(hours=1), True)
    assert task.contact_id == talked.contact_id
    assert written(talked, bob).note == "Wants a price"


@pytest.mark.parametrize(
    ("now", "chip", "day"),
    [
        (datetime(2026, 3, 2, 12, tzinfo=UTC), "tomorrow", 3),
        (datetime(2026, 3, 2, 12, tzinfo=UTC), "monday", 9),
        (datetime(2026, 3, 8, 12, tzinfo=UTC), "monday", 9),
        # Half past midnight in Lisbon's summer is still yesterday in UTC.
        (datetime(2026, 7, 5, 23, 30, tzinfo=UTC), "tomorrow", 7),
    ],
)
def test_it_counts_days_where_the_user_is(now: datetime, chip: str, day: int) -> None:
    due, has_time = due_of(chip, now, LISBON)
    assert (due.day, has_time) == (day, False)


@pytest.mark.parametrize(
    ("data", "refusal"),
    [
        ({}, "Choose an outcome or write a note."),
        ({"note": "  "}, "Choose an outcome or write a note."),
        ({"outcome": "no such", "note": "Wants a price"}, "This outcome does not exist any more."),
        ({"note": "x" * 10_001}, "This is too long."),
        ({"note": "Wants a price", "task_title": "x" * 201}, "This is too long."),
    ],
    ids=["nothing", "spaces", "an outcome that is gone", "a long note", "a long title"],
)
def test_it_says_what_is_missing_and_keeps_what_was_typed(
    client_of: ClientOf, bob: User, talked: Call, data: dict[str, str], refusal: str
) -> None:
    url = f"/calls/{talked.id}/wrapup"
    got = client_of(bob).post(url, data=data, headers=HTMX)
    assert got.status_code == 422
    form, _, alert = got.text.partition('role="alert"')
    assert refusal in alert
    assert f">{data.get('note', '').strip()}</textarea>" in form
    # On the card somebody may be typing on: only what is wrong comes.
    got = client_of(bob).post(url, data={**data, "place": "card"}, headers=HTMX)
    assert got.status_code == 422
    assert refusal in got.text
    assert "<textarea" not in got.text
    assert f"target:#wrapup-{talked.id}-card-problems" in card(client_of(bob), talked)
    assert tray(client_of(bob)) == ["ended"]
    assert (
        db.session.scalars(select(CallWrapup).where(CallWrapup.saved_at.is_not(None))).all() == []
    )


def test_it_keeps_a_draft_on_the_server(client_of: ClientOf, bob: User, talked: Call) -> None:
    url = f"/calls/{talked.id}/wrapup/draft"
    draft = {"outcome": "interested", "note": "Half a sent", "chip": "tomorrow"}
    assert client_of(bob).post(url, data=draft).status_code == 204
    text = card(client_of(bob), talked)
    assert ">Half a sent</textarea>" in text
    assert 'value="interested" checked' in text
    assert 'value="kept" checked' in text
    assert db.session.scalars(select(Task)).all() == []


def test_it_makes_the_task_of_a_draft_when_it_is_saved(
    client_of: ClientOf, bob: User, talked: Call, traveller: time_machine.Traveller
) -> None:
    url = f"/calls/{talked.id}/wrapup"
    draft = {"outcome": "done", "chip": "hour", "task_title": "Send the price"}
    client_of(bob).post(f"{url}/draft", data=draft)
    traveller.shift(timedelta(minutes=10))
    client_of(bob).post(url, data={**draft, "chip": "kept"}, headers=HTMX)
    task = db.session.scalars(select(Task)).one()
    assert (task.title, task.due_at) == ("Send the price", NOON + timedelta(hours=1))


@pytest.mark.parametrize("second", ["hour", "tomorrow", "kept"])
def test_it_makes_one_task_however_often_it_is_saved(
    client_of: ClientOf, bob: User, talked: Call, traveller: time_machine.Traveller, second: str
) -> None:
    url = f"/calls/{talked.id}/wrapup"
    for chip in ("hour", second):
        data = {"outcome": "call_again", "chip": chip}
        assert client_of(bob).post(url, data=data, headers=HTMX).status_code == 200
        traveller.shift(timedelta(minutes=1))
    task = db.session.scalars(select(Task)).one()
    due = {"hour": NOON + timedelta(minutes=61), "kept": NOON + timedelta(hours=1)}
    assert task.due_at == due.get(second, NOON + timedelta(days=1))
    assert task.title == "Call Ana Sousa"


def test_it_leaves_the_task_alone_when_only_the_note_is_mended(
    client_of: ClientOf, bob: User, talked: Call
) -> None:
    url = f"/calls/{talked.id}/wrapup"
    data = {"note": "Wants a price", "chip": "tomorrow", "task_title": "Send the price"}
    client_of(bob).post(url, data=data, headers=HTMX)
    client_of(bob).post(url, data={"note": "Wants the price of two"}, headers=HTMX)
    task = db.session.scalars(select(Task)).one()
    assert (task.title, task.due_at) == ("Send the price", NOON + timedelta(days=1))
    client_of(bob).post(url, data={"note": "Of two", "chip": "monday"}, headers=HTMX)
    task = db.session.scalars(select(Task)).one()
    assert (task.title, task.due_at) == ("Send the price", NOON + timedelta(days=7))


def test_it_makes_another_task_when_the_first_is_done(
    client_of: ClientOf, bob: User, talked: Call
) -> None:
    url = f"/calls/{talked.id}/wrapup"
    client_of(bob).post(url, data={"chip": "hour"}, headers=HTMX)
    tasks.complete(db.session.scalars(select(Task)).one(), bob)
    db.session.commit()
    client_of(bob).post(url, data={"chip": "tomorrow"}, headers=HTMX)
    assert len(db.session.scalars(select(Task)).all()) == 2


def test_it_does_not_say_that_there_is_a_task_where_there_is_none(
    client_of: ClientOf, bob: User, talked: Call
) -> None:
    url = f"/calls/{talked.id}/wrapup"
    got = client_of(bob).post(url, data={"note": "x", "chip": "kept"}, headers=HTMX)
    assert "Saved, with a task." not in got.text
    assert db.session.scalars(select(Task)).all() == []


def test_it_calls_back_whoever_it_turned_out_to_be(client_of: ClientOf, bob: User) -> None:
    ring("101")
    answer("101")
    call = end()
    url = f"/calls/{call.id}/wrapup"
    number = "Call 910 000 042"
    draft = {"chip": "hour", "task_title": number, "default_title": number}
    client_of(bob).post(f"{url}/draft", data=draft)
    client_of(bob).post(f"/calls/{call.id}/new-lead", data={"name": "Rita Nova"}, headers=HTMX)
    text = card(client_of(bob), call)
    assert 'value="Call Rita Nova"' in text
    assert number not in text
    # The form of another tab still proposes what it proposed.
    client_of(bob).post(url, data={**draft, "chip": "kept"}, headers=HTMX)
    assert db.session.scalars(select(Task)).one().title == "Call Rita Nova"


def test_it_proposes_no_title_that_it_would_refuse(client_of: ClientOf, bob: User) -> None:
    make_contact("N" * 200, phones=(ANA,))
    ring("101")
    answer("101")
    call = end()
    text = client_of(bob).get(f"/calls/{call.id}").text
    title = text.partition('name="task_title"')[2].partition('value="')[2].partition('"')[0]
    data = {"chip": "hour", "task_title": title, "default_title": title}
    got = client_of(bob).post(f"/calls/{call.id}/wrapup", data=data, headers=HTMX)
    assert got.status_code == 200
    assert db.session.scalars(select(Task)).one().title == f"Call {'N' * 195}"


def test_it_lets_no_late_draft_overwrite_what_was_saved_and_says_so(
    client_of: ClientOf, bob: User, talked: Call
) -> None:
    url = f"/calls/{talked.id}/wrapup"
    client_of(bob).post(url, data={"outcome": "done", "note": "All of it"}, headers=HTMX)
    assert client_of(bob).post(f"{url}/draft", data={"note": "All"}).status_code == 409
    assert written(talked, bob).note == "All of it"


def test_it_can_be_written_later_from_the_call(
    client_of: ClientOf, bob: User, talked: Call, traveller: time_machine.Traveller
) -> None:
    client_of(bob).post(f"/calls/{talked.id}/wrapup/draft", data={"note": "Typed before"})
    client_of(bob).post(f"/calls/{talked.id}/popup/close", headers=HTMX)
    assert tray(client_of(bob)) == []
    traveller.shift(timedelta(days=3))
    assert "Typed before" in client_of(bob).get(f"/calls/{talked.id}").text
    got = client_of(bob).post(f"/calls/{talked.id}/wrapup", data={"note": "Later"}, headers=HTMX)
    assert ": written up</span>" in got.text
    assert written(talked, bob).note == "Later"


def test_it_works_without_htmx(client_of: ClientOf, bob: User, talked: Call) -> None:
    got = client_of(bob).post(f"/calls/{talked.id}/wrapup", data={"outcome": "done"})
    assert (got.status_code, got.location) == (303, f"/calls/{talked.id}")


def test_it_is_refused_on_the_page_of_the_call_without_htmx(
    client_of: ClientOf, bob: User, talked: Call
) -> None:
    data = {"chip": "day", "note": "Wants a price"}
    got = client_of(bob).post(f"/calls/{talked.id}/wrapup", data=data)
    assert got.status_code == 422
    for words in ("What happened", "Choose a day.", "Wants a price"):
        assert words in got.text


def test_it_is_not_asked_for_ever(
    client_of: ClientOf, bob: User, talked: Call, traveller: time_machine.Traveller
) -> None:
    traveller.shift(timedelta(minutes=61))
    assert tray(client_of(bob)) == []


def test_it_offers_the_offices_own_outcomes(client_of: ClientOf, bob: User, talked: Call) -> None:
    assert [outcome.code for outcome in outcomes()] == list(DEFAULT_OUTCOMES)
    ensure_outcomes()
    ensure_outcomes()
    db.session.add(CallOutcome(code="x1", label="Wants a visit", position=0))
    db.session.commit()
    assert len(outcomes()) == len(DEFAULT_OUTCOMES) + 1
    text = card(client_of(bob), talked)
    assert text.index("Wants a visit") < text.index("Interested")


@pytest.mark.parametrize("headers", [HTMX, {}], ids=["with scripts", "without"])
def test_it_counts_a_line_end_as_one_sign(
    client_of: ClientOf, bob: User, talked: Call, headers: dict[str, str]
) -> None:
    # Browsers send two signs for each line end.
    note = "x\r\n" * 4_999 + "xx"
    got = client_of(bob).post(f"/calls/{talked.id}/wrapup", data={"note": note}, headers=headers)
    assert got.status_code in {200, 303}
    assert written(talked, bob).note == note.replace("\r\n", "\n")
