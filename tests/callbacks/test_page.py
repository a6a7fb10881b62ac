"""The queue on its page, its rows, and the command that lists it."""

import html
import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient
from jinja2.filters import do_truncate

from crm_app import clock
from crm_app.accounts.models import User
from crm_app.accounts.services import change_office
from crm_app.callbacks import services as call_backs
from crm_app.callbacks.commands import callbacks_cli
from crm_app.callbacks.models import CallBack
from crm_app.calls.fold.facts import FactKind
from crm_app.demo import make_contact, make_lead
from crm_app.extensions import db
from crm_app.journal.services import add_note
from crm_app.leads.fields import LeadDraft
from crm_app.leads.services import create_lead
from crm_app.live.screen_updates import screen_updates
from crm_app.web.display.formatting import with_calls
from tests.callbacks.ended_calls import ANNA, STRANGER, call, open_call_backs, say
from tests.questions import questions

ClientOf = Callable[[User], FlaskClient]
HTMX = {"HX-Request": "true"}


@pytest.fixture
def row(office: Flask) -> CallBack:
    """A stranger's call-back in the pool."""
    call("a", STRANGER)
    return open_call_backs()[0]


def test_it_shows_all_that_one_needs_to_call(
    office: Flask, bob: User, dora: User, client_of: ClientOf
) -> None:
    anna = make_contact("Anna Reis", phones=(ANNA,), responsible=dora)
    make_lead("New roof", contact=anna, responsible=dora)
    add_note("contact", anna.id, "Calls from the car", dora)
    db.session.commit()
    call("z", ANNA, answered=True)
    call("a", ANNA)
    call("b", ANNA)
    call("c", ANNA, out=True)
    (row,) = open_call_backs()
    page = client_of(bob).get("/callbacks").text
    assert f'data-callback-id="{row.id}"' in page
    assert 'data-state="open"' in page
    for words in ("Anna Reis", "912 000 100", "New roof", "Calls from the car", "1 try", "2×",
                  "Dora Manager", "Last talk"):  # fmt: skip
        assert words in page, words
    assert set(re.findall(r'data-action="([a-z-]+)"', page)) >= {"take", "take-and-call", "done"}
    assert f'data-call-number="{ANNA}"' in page


def test_the_navigation_counts_mine_and_the_pools(
    row: CallBack, bob: User, client_of: ClientOf
) -> None:
    assert 'data-callbacks-open="1"' in client_of(bob).get("/contacts").text


def test_the_second_who_takes_it_reads_in_the_row_who_has_it(
    row: CallBack, bob: User, dora: User, client_of: ClientOf
) -> None:
    first = client_of(dora).post(f"/callbacks/{row.id}/take", headers=HTMX)
    assert (first.status_code, 'data-state="taken"' in first.text) == (200, True)
    assert 'data-action="release"' in first.text
    second = client_of(bob).post(f"/callbacks/{row.id}/take", headers=HTMX)
    assert second.status_code == 409
    assert "Dora Manager took it at" in second.text
    assert f'data-callback-id="{row.id}"' in second.text


def test_done_asks_for_a_reason_and_can_be_taken_back(
    row: CallBack, bob: User, client_of: ClientOf
) -> None:
    browser = client_of(bob)
    assert browser.post(f"/callbacks/{row.id}/done", headers=HTMX).status_code == 422
    done = browser.post(f"/callbacks/{row.id}/done", data={"reason": "Wrong number"}, headers=HTMX)
    assert 'data-state="done"' in done.text
    assert "Wrong number" in done.text
    again = browser.post(f"/callbacks/{row.id}/reopen", headers=HTMX)
    assert 'data-state="open"' in again.text


def test_what_a_talk_has_closed_leaves_the_queue(
    row: CallBack, bob: User, client_of: ClientOf
) -> None:
    call("b", STRANGER, answered=True)
    open_call_backs()
    gone = client_of(bob).get(f"/callbacks/{row.id}?queue=1", headers=HTMX).text
    assert "data-callback-id" not in gone
    assert "Bob Agent talked with them" in gone
    assert f'data-callback-id="{row.id}"' not in client_of(bob).get("/callbacks").text
    done = client_of(bob).get("/callbacks?state=done").text
    assert 'data-state="done"' in done


def test_putting_it_off_offers_an_undo(row: CallBack, bob: User, client_of: ClientOf) -> None:
    answer = client_of(bob).post(
        f"/callbacks/{row.id}/snooze", data={"until": "tomorrow"}, headers=HTMX
    )
    assert f"/callbacks/{row.id}/unsnooze" in answer.text
    assert 'data-age="later"' in answer.text


@pytest.fixture
def _in_opening_hours() -> Iterator[None]:
    """On a Wednesday at ten, so that nothing falls on the next opening."""
    with time_machine.travel(datetime(2027, 3, 3, 10, tzinfo=UTC)):
        yield


@pytest.mark.usefixtures("_in_opening_hours")
def test_the_undo_of_a_second_delay_leads_back_to_the_first(
    office: Flask, bob: User, client_of: ClientOf
) -> None:
    call("a", STRANGER)
    (row,) = open_call_backs()
    browser = client_of(bob)
    browser.post(f"/callbacks/{row.id}/snooze", data={"until": "tomorrow"}, headers=HTMX)
    db.session.expire_all()
    first = (row.due_at, row.snoozed_from)
    db.session.rollback()
    answer = browser.post(f"/callbacks/{row.id}/snooze", data={"until": "hour"}, headers=HTMX)
    undo = re.search(r'action="([^"]+/unsnooze[^"]*)"', answer.text)
    assert undo
    browser.post(html.unescape(undo[1]))
    db.session.expire_all()
    assert (row.due_at, row.snoozed_from) == first


def test_what_the_managers_have_is_put_off_without_a_trace_and_back_by_undo(
    row: CallBack, bob: User, client_of: ClientOf
) -> None:
    row.due_at = clock.now() - timedelta(hours=2)
    row.escalated_at = escalated = clock.now() - timedelta(hours=1)
    db.session.commit()
    browser = client_of(bob)
    answer = browser.post(f"/callbacks/{row.id}/snooze", data={"until": "hour"}, headers=HTMX)
    assert 'data-age="later"' in answer.text
    undo = re.search(r'action="([^"]+/unsnooze[^"]*)"', answer.text)
    assert undo
    back = browser.post(html.unescape(undo[1]), headers=HTMX)
    assert 'data-age="escalated"' in back.text
    db.session.expire_all()
    assert row.escalated_at == escalated


def test_it_is_given_by_its_button_alone_and_the_page_says_to_whom(
    row: CallBack, bob: User, dora: User, client_of: ClientOf
) -> None:
    browser = client_of(bob)
    more = browser.get(f"/callbacks/{row.id}/more", headers=HTMX).text
    form = more[more.index(f'hx-post="/callbacks/{row.id}/reassign') :].partition("</form>")[0]
    assert "hx-trigger" not in form
    assert 'data-action="reassign"' in form
    for owner, words in ((dora.id, "Given to Dora Manager."), ("", "Given to the pool.")):
        data = {"owner": owner}
        answer = browser.post(f"/callbacks/{row.id}/reassign", data=data, headers=HTMX)
        assert words in answer.text


def test_who_gives_it_out_of_their_sight_hears_so_and_its_row_goes(
    row: CallBack, alice: User, bob: User, dora: User, client_of: ClientOf
) -> None:
    change_office("", restricts_agents=True, by=alice)
    db.session.commit()
    data = {"owner": dora.id}
    answer = client_of(bob).post(f"/callbacks/{row.id}/reassign", data=data, headers=HTMX)
    assert answer.status_code == 200
    assert "Given to Dora Manager." in answer.text
    assert "data-callback-id" not in answer.text


def test_a_manager_sees_all_owners_and_narrows_to_one(
    row: CallBack, bob: User, dora: User, client_of: ClientOf
) -> None:
    call_backs.reassign(row.id, bob.id, bob)
    db.session.commit()
    mark = f'data-callback-id="{row.id}"'
    browser = client_of(dora)
    assert mark in browser.get("/callbacks").text
    assert mark in browser.get(f"/callbacks?whose={bob.id}").text
    assert mark not in browser.get("/callbacks?whose=me").text
    assert mark not in browser.get("/callbacks?whose=pool").text


def test_fifty_rows_cost_no_more_statements_than_two(
    office: Flask, bob: User, client_of: ClientOf
) -> None:
    browser = client_of(bob)
    counts = []
    for end in (2, 12):
        for number in range(end - (2 if end == 2 else 10), end):
            anna = make_contact(f"Client {number}", phones=(f"+3519121{number:05}",))
            make_lead(f"Lead {number}", contact=anna)
            db.session.commit()
            call(f"n{number}", f"+3519121{number:05}")
        open_call_backs()
        browser.get("/callbacks")
        with questions() as asked:
            browser.get("/callbacks")
        counts.append(len(asked))
    assert counts[0] == counts[1]


def test_it_is_empty_with_a_word(office: Flask, bob: User, client_of: ClientOf) -> None:
    assert "Nobody waits for a call" in client_of(bob).get("/callbacks").text


def test_the_history_says_who_did_what(row: CallBack, bob: User, client_of: ClientOf) -> None:
    browser = client_of(bob)
    browser.post(f"/callbacks/{row.id}/take")
    browser.post(f"/callbacks/{row.id}/note", data={"text": "Ask for Rui"})
    browser.post(f"/callbacks/{row.id}/release")
    page = browser.get(f"/callbacks/{row.id}").text
    for words in ("Took it", "Ask for Rui", "Released it", "Missed: to be called back"):
        assert words in page, words


def test_on_its_own_page_all_that_is_done_with_it_stands_in_its_row(
    row: CallBack, bob: User, client_of: ClientOf
) -> None:
    page = client_of(bob).get(f"/callbacks/{row.id}").text
    its = page[page.index('<li class="list-group-item callback"') :].partition("</li>")[0]
    # What is answered takes the place of the row, so that a form elsewhere would show nothing.
    for verb in ("take", "done", "snooze", "reassign", "note"):
        form = f'hx-post="/callbacks/{row.id}/{verb}"'
        assert (page.count(form), its.count(form)) == (1, 1), verb
    assert page.count(f'id="reason-{row.id}"') == 1


@pytest.mark.parametrize("place", ["contact", "lead", "call"])
def test_the_pages_of_the_client_show_it(
    office: Flask, bob: User, client_of: ClientOf, place: str
) -> None:
    anna = make_contact("Anna", phones=(ANNA,))
    lead = make_lead("New roof", contact=anna)
    db.session.commit()
    missed = call("a", ANNA)
    (row,) = open_call_backs()
    where = {"contact": f"/contacts/{anna.id}", "lead": f"/leads/{lead.id}",
             "call": f"/calls/{missed.id}"}[place]  # fmt: skip
    assert f'data-callback-id="{row.id}"' in client_of(bob).get(where).text


def test_the_page_of_a_lead_without_contact_shows_that_of_its_number(
    office: Flask, bob: User, client_of: ClientOf
) -> None:
    lead = create_lead(LeadDraft(title="A roof"), bob, number=STRANGER)
    other = create_lead(LeadDraft(title="Who knows"), bob)
    call("a", STRANGER)
    (row,) = open_call_backs()
    browser = client_of(bob)
    assert f'data-callback-id="{row.id}"' in browser.get(f"/leads/{lead.id}").text
    assert "data-callback-id" not in browser.get(f"/leads/{other.id}").text


@pytest.fixture
def dora_s(office: Flask, dora: User) -> CallBack:
    """That of a client of Dora, with a note, in an office that restricts its agents."""
    anna = make_contact("Anna Reis", phones=(ANNA,), responsible=dora)
    add_note("contact", anna.id, "Pays late", dora)
    change_office("Ramal", restricts_agents=True, by=dora)
    db.session.commit()
    call("a", ANNA)
    return open_call_backs()[0]


def test_numbers_in_what_people_write_can_be_called(
    row: CallBack, bob: User, client_of: ClientOf
) -> None:
    call_backs.add_note(row.id, "Ring her on 213 456 789 instead", bob)
    db.session.commit()
    browser, page = client_of(bob), f"/callbacks/{row.id}"
    for address in ("/callbacks", page):
        assert 'data-call-number="+351213456789"' in browser.get(address).text
    call_backs.done(row.id, "Wrong number, 213 456 780 it is", bob)
    db.session.commit()
    assert browser.get(page).text.count('data-call-number="+351213456780"') == 2


@pytest.mark.parametrize("length", range(140, 170))
def test_what_is_left_of_a_number_in_a_long_note_is_never_called(app: Flask, length: int) -> None:
    # Numbers of Germany are of many lengths: one that is cut may be somebody else's.
    text = "a " * (length // 2) + "b" * (length % 2) + " +49 30 1234 5678 and more <words>" * 2
    with app.test_request_context():
        cut = with_calls(text, 160)
    assert set(re.findall(r'data-call-number="([^"]+)"', cut)) <= {"+493012345678"}
    plain = html.unescape(re.sub(r"<[^>]+>", "", cut))
    assert plain == do_truncate(app.jinja_env, text, 160)
    assert with_calls(text[:160], 160) == with_calls(text[:160])


def test_a_restricted_agent_reads_the_name_of_a_colleagues_client_and_not_the_notes(
    dora_s: CallBack, bob: User, dora: User, client_of: ClientOf
) -> None:
    call_backs.reassign(dora_s.id, None, dora)
    db.session.commit()
    for user, reads_notes in ((bob, False), (dora, True)):
        page = client_of(user).get("/callbacks").text
        assert "Anna Reis" in page
        assert ("Pays late" in page) == reads_notes
    call_backs.add_note(dora_s.id, "Asks for Rui", bob)
    db.session.commit()
    assert "Asks for Rui" in client_of(bob).get("/callbacks").text


def test_a_card_leads_to_the_call_back_only_who_sees_it(
    dora_s: CallBack, bob: User, dora: User, client_of: ClientOf
) -> None:
    page = f"/callbacks/{dora_s.id}"
    say(FactKind.STARTED, "in_b", clock.now(), caller=ANNA, did="+351210000001")
    for extension, user, opens in (("101", bob, False), ("103", dora, True)):
        say(FactKind.RANG, "in_b", clock.now(), caller=ANNA, extension=extension)
        card = client_of(user).get("/calls/tray", headers=HTMX).text
        assert "To be called back" in card
        assert (f'href="{page}"' in card) == opens
        assert (client_of(user).get(page).status_code == 200) == opens


def test_screens_hear_of_a_change_by_its_id(
    row: CallBack, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[object] = []
    monkeypatch.setattr(screen_updates, "enqueue", lambda users, message: heard.append(message))
    call_backs.take(row.id, bob)
    assert heard == []
    db.session.commit()
    assert heard == [{"callbacks": row.id}]


class TestCommand:
    def run(self, app: Flask, *arguments: str) -> list[dict[str, object]]:
        result = app.test_cli_runner().invoke(callbacks_cli, ["list", "--json", *arguments])
        db.session.rollback()
        assert result.exit_code == 0, result.output
        found = json.loads(result.output)
        assert set(found) == {"callbacks"}
        rows: list[dict[str, object]] = found["callbacks"]
        return rows

    def test_it_prints_the_keys_that_scripts_rely_on(
        self, row: CallBack, office: Flask, bob: User
    ) -> None:
        (open_row,) = self.run(office)
        assert open_row == {
            "id": row.id, "contact": None, "number": STRANGER, "owner": None, "state": "open",
            "tries": 0, "misses": 1, "due_at": row.due_at.isoformat(), "closed_by_call": None,
        }  # fmt: skip
        assert datetime.fromisoformat(str(open_row["due_at"])).tzinfo is not None
        call_backs.take(row.id, bob)
        db.session.commit()
        (taken,) = self.run(office)
        assert (taken["state"], taken["owner"]) == ("taken", bob.email)
        talk = call("b", STRANGER, answered=True)
        open_call_backs()
        (done,) = self.run(office)
        assert (done["state"], done["closed_by_call"]) == ("done", talk.id)

    def test_what_was_done_long_ago_is_listed_only_with_all(
        self, row: CallBack, office: Flask, bob: User
    ) -> None:
        call_backs.done(row.id, "Wrote", bob)
        row.done_at = clock.now() - timedelta(days=31)
        db.session.commit()
        assert self.run(office) == []
        assert len(self.run(office, "--all")) == 1

    def test_without_json_it_is_a_table(self, row: CallBack, office: Flask) -> None:
        result = office.test_cli_runner().invoke(callbacks_cli, ["list"])
        assert STRANGER in result.output
        assert "pool" in result.output
