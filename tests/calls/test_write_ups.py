"""A write-up is saved, taken back, changed later; what waits is listed until it is written."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
import time_machine
from flask.testing import FlaskClient
from sqlalchemy import select

from crm_app import clock
from crm_app.accounts.models import User
from crm_app.accounts.services import change_office
from crm_app.calls.models import Call, CallWrapup
from crm_app.calls.wrapup import services as wrapups
from crm_app.demo import make_contact
from crm_app.extensions import db
from crm_app.tasks.models import Task
from tests.calls.popup_story import HTMX, ClientOf, answer, end, ring
from tests.questions import questions

pytestmark = pytest.mark.usefixtures("traveller")
Talk = Callable[..., Call]


@pytest.fixture
def talk(traveller: time_machine.Traveller, bob: User) -> Talk:
    """Lets Bob talk for 65 seconds with the one who calls."""

    def talk(pbx_call_id: str = "in_1", extension: str = "101", **words: str) -> Call:
        ring(extension, pbx_call_id=pbx_call_id, **words)
        answer(extension, pbx_call_id, **words)
        traveller.shift(65)
        return end(pbx_call_id, last_extension=extension, **words)

    return talk


def save(client: FlaskClient, call: Call, **data: str) -> str:
    got = client.post(f"/calls/{call.id}/wrapup", data=data, headers=HTMX)
    assert got.status_code == 200, got.text
    return got.text


def row_of(call: Call, user: User) -> CallWrapup:
    db.session.expire_all()
    row = wrapups.existing(call, user)
    assert row is not None
    return row


def listed(client: FlaskClient, path: str = "/calls/write-ups", **headers: str) -> list[int]:
    text = client.get(path, headers=headers).text
    return [int(part.partition('"')[0]) for part in text.split('data-write-up="')[1:]]


def counted(client: FlaskClient) -> str:
    return client.get("/contacts").text.partition('data-write-ups-open="')[2].partition('"')[0]


class TestSaving:
    def test_the_toast_says_of_whom_and_what_and_offers_undo(
        self, client_of: ClientOf, bob: User, talk: Talk
    ) -> None:
        make_contact("Beatriz Gonçalves", phones=("910 000 042",))
        call = talk()
        text = save(client_of(bob), call, outcome="call_again", chip="tomorrow")
        assert "Beatriz Gonçalves: Call again, task tomorrow" in text
        assert f'action="/calls/{call.id}/write-up/back"' in text
        assert counted(client_of(bob)) == "0"

    def test_the_next_task_can_be_on_any_day(
        self, client_of: ClientOf, bob: User, talk: Talk
    ) -> None:
        text = save(client_of(bob), talk(), note="Wants a price", chip="day", day="2026-03-20")
        assert "task on" in text
        task = db.session.scalars(select(Task)).one()
        assert (task.due_at.date().isoformat(), task.has_time) == ("2026-03-20", False)

    @pytest.mark.parametrize(
        ("now", "words"),
        [("2026-03-02 13:30", "task at 14:30"), ("2026-03-02 23:30", "task tomorrow 00:30")],
    )
    def test_an_hour_from_now_may_be_tomorrow(
        self,
        client_of: ClientOf,
        bob: User,
        talk: Talk,
        traveller: time_machine.Traveller,
        now: str,
        words: str,
    ) -> None:
        call, client = talk(), client_of(bob)
        traveller.move_to(datetime.fromisoformat(f"{now}+00:00"))
        assert words in save(client, call, outcome="done", chip="hour")

    def test_another_day_must_be_a_day(self, client_of: ClientOf, bob: User, talk: Talk) -> None:
        call = talk()
        for day, words in (("", "Choose a day."), ("soon", "Not a valid date value.")):
            got = client_of(bob).post(
                f"/calls/{call.id}/wrapup", data={"chip": "day", "day": day}, headers=HTMX
            )
            assert (got.status_code, words in got.text) == (422, True)

    def test_a_draft_keeps_the_day(self, client_of: ClientOf, bob: User, talk: Talk) -> None:
        call = talk()
        client_of(bob).post(
            f"/calls/{call.id}/wrapup/draft", data={"chip": "day", "day": "2026-03-20"}
        )
        assert row_of(call, bob).task_due_at.date().isoformat() == "2026-03-20"


class TestTakingBack:
    def test_it_is_a_draft_again_waits_again_and_its_task_goes(
        self, client_of: ClientOf, bob: User, talk: Talk, traveller: time_machine.Traveller
    ) -> None:
        call, client = talk(), client_of(bob)
        since = row_of(call, bob).waits_since
        save(client, call, outcome="call_again", note="Wants a price", chip="tomorrow")
        assert listed(client) == []
        traveller.shift(5)
        assert client.post(f"/calls/{call.id}/write-up/back").status_code == 303
        row = row_of(call, bob)
        assert (row.outcome, row.note, row.saved_at) == ("call_again", "Wants a price", None)
        assert (row.waits_since, row.task) == (since, None)
        assert db.session.scalars(select(Task)).one().deleted_at is not None
        assert listed(client) == [call.id]
        # What was chosen is a draft: saved again it makes a task of its own.
        save(client, call, outcome="call_again", note="Wants a price", chip="kept")
        assert len(db.session.scalars(select(Task).where(Task.deleted_at.is_(None))).all()) == 1

    def test_a_task_that_is_done_stays(self, client_of: ClientOf, bob: User, talk: Talk) -> None:
        call, client = talk(), client_of(bob)
        save(client, call, outcome="call_again", chip="tomorrow")
        task = db.session.scalars(select(Task)).one()
        client.post(f"/tasks/{task.id}/complete")
        client.post(f"/calls/{call.id}/write-up/back")
        db.session.expire_all()
        assert (task.deleted_at, task.completed_at) == (None, clock.now())

    def test_taking_back_twice_changes_nothing(
        self, client_of: ClientOf, bob: User, talk: Talk
    ) -> None:
        call, client = talk(), client_of(bob)
        save(client, call, outcome="done")
        for _ in range(2):
            assert client.post(f"/calls/{call.id}/write-up/back").status_code == 303
        assert listed(client) == [call.id]

    def test_nobody_takes_back_what_a_colleague_wrote(
        self, client_of: ClientOf, bob: User, carol: User, alice: User, talk: Talk
    ) -> None:
        call = talk()
        save(client_of(bob), call, outcome="done")
        for user in (carol, alice):
            assert client_of(user).post(f"/calls/{call.id}/write-up/back").status_code == 404
        assert row_of(call, bob).saved_at is not None


class TestChangingLater:
    def test_author_and_managers_change_it_and_the_page_says_what_it_was(
        self, client_of: ClientOf, bob: User, alice: User, talk: Talk
    ) -> None:
        call = talk()
        save(client_of(bob), call, outcome="done", note="Wants a price")
        row = row_of(call, bob)
        for user, note in ((bob, "Wants two prices"), (alice, "Wants no price")):
            edit = client_of(user).get(f"/calls/{call.id}?edit={row.id}").text
            assert f'action="/calls/{call.id}/write-ups/{row.id}"' in edit
            got = client_of(user).post(
                f"/calls/{call.id}/write-ups/{row.id}", data={"outcome": "done", "note": note}
            )
            assert got.status_code == 303
        page = client_of(bob).get(f"/calls/{call.id}").text
        assert page.count("Wants no price") == 2
        for words in ("Wants a price</del>", "Wants two prices</del>", alice.name, "changed it"):
            assert words in page
        assert (row_of(call, bob).user, row_of(call, bob).note) == (bob, "Wants no price")

    def test_a_colleague_may_read_it_and_not_change_it(
        self, client_of: ClientOf, bob: User, carol: User, talk: Talk
    ) -> None:
        call = talk()
        save(client_of(bob), call, outcome="done", note="Wants a price")
        row = row_of(call, bob)
        page = client_of(carol).get(f"/calls/{call.id}?edit={row.id}").text
        assert "Wants a price" in page
        assert "/write-ups/" not in page.partition('id="write-ups-of-call"')[2]
        url = f"/calls/{call.id}/write-ups/{row.id}"
        assert client_of(carol).post(url, data={"note": "No"}).status_code == 404
        assert row_of(call, bob).note == "Wants a price"

    @pytest.mark.parametrize("data", [{}, {"outcome": "no such"}, {"note": "x" * 10_001}])
    def test_what_is_refused_says_why_and_keeps_what_was_typed(
        self, client_of: ClientOf, bob: User, talk: Talk, data: dict[str, str]
    ) -> None:
        call = talk()
        save(client_of(bob), call, outcome="done", note="Wants a price")
        row = row_of(call, bob)
        got = client_of(bob).post(f"/calls/{call.id}/write-ups/{row.id}", data=data)
        assert got.status_code == 422
        assert 'role="alert"' in got.text
        assert f">{data.get('note', '')}</textarea>" in got.text
        assert row_of(call, bob).note == "Wants a price"

    def test_a_draft_cannot_be_changed_by_others(
        self, client_of: ClientOf, bob: User, alice: User, talk: Talk
    ) -> None:
        call = talk()
        client_of(bob).post(f"/calls/{call.id}/wrapup/draft", data={"note": "Half"})
        url = f"/calls/{call.id}/write-ups/{row_of(call, bob).id}"
        assert client_of(alice).post(url, data={"note": "No"}).status_code == 404


class TestThePageOfACall:
    def test_a_manager_gets_no_form_for_a_colleagues_call(
        self, client_of: ClientOf, bob: User, alice: User, talk: Talk
    ) -> None:
        call = talk()
        assert "How did it go?" in client_of(bob).get(f"/calls/{call.id}").text
        assert 'id="wrapup-' not in client_of(alice).get(f"/calls/{call.id}").text

    def test_it_says_what_was_written_once_and_has_no_form_any_more(
        self, client_of: ClientOf, bob: User, talk: Talk
    ) -> None:
        call = talk()
        text = save(client_of(bob), call, outcome="done", note="Wants a price", place="page")
        page = client_of(bob).get(f"/calls/{call.id}").text
        for shown in (text, page):
            assert shown.count("Wants a price") == 1
            assert 'id="wrapup-' not in shown

    def test_it_can_be_written_without_scripts(
        self, client_of: ClientOf, bob: User, talk: Talk
    ) -> None:
        call, client = talk(), client_of(bob)
        page = client.get(f"/calls/{call.id}").text
        assert f'<form class="wrapup" id="wrapup-{call.id}-page" method="post"' in page
        got = client.post(f"/calls/{call.id}/wrapup", data={"outcome": "done", "note": "Plain"})
        assert (got.status_code, got.location) == (303, f"/calls/{call.id}")
        assert "Plain" in client.get(got.location).text


class TestWhatWaits:
    def test_panel_page_and_today_list_it_and_the_counter_counts_it(
        self, client_of: ClientOf, bob: User, talk: Talk, traveller: time_machine.Traveller
    ) -> None:
        first, second, client = talk("in_1"), talk("in_2"), client_of(bob)
        both = [second.id, first.id]
        assert listed(client, **HTMX) == listed(client) == listed(client, "/") == both
        assert counted(client) == "2"
        traveller.shift(timedelta(days=1))
        client = client_of(bob)
        assert "Everything is written up." in client.get("/calls/write-ups", headers=HTMX).text
        assert listed(client, **HTMX) == []
        assert listed(client) == listed(client, "/") == both
        assert counted(client) == "0"

    def test_dismissing_takes_it_away_for_good(
        self, client_of: ClientOf, bob: User, talk: Talk
    ) -> None:
        call, client = talk(), client_of(bob)
        got = client.post(f"/calls/{call.id}/write-up/dismiss", headers=HTMX)
        assert got.text == ""
        assert counted(client) == "0"
        assert listed(client, "/") == []
        assert client.post(f"/calls/{call.id}/write-up/dismiss").location == "/calls/write-ups"

    def test_it_survives_the_day_and_a_new_sign_in(
        self, client_of: ClientOf, bob: User, talk: Talk, traveller: time_machine.Traveller
    ) -> None:
        call = talk()
        client_of(bob).post(f"/calls/{call.id}/wrapup/draft", data={"note": "Half a sent"})
        traveller.shift(timedelta(days=9))
        client = client_of(bob)
        assert listed(client, "/") == [call.id]
        assert "Half a sent</textarea>" in client.get("/").text

    def test_the_log_lists_mine_and_for_a_manager_those_of_whom_they_choose(
        self, client_of: ClientOf, bob: User, erin: User, alice: User, talk: Talk
    ) -> None:
        mine, hers = talk("in_1"), talk("in_2", "102")
        written = talk("in_3")
        save(client_of(bob), written, outcome="done")

        def log(user: User, query: str = "") -> list[int]:
            text = client_of(user).get(f"/calls?written=no{query}").text
            return [int(part.partition('"')[0]) for part in text.split("row-of-call-")[1:]]

        assert log(bob) == [mine.id]
        assert log(erin) == [hers.id]
        assert log(alice) == []
        assert log(alice, f"&user={bob.id}") == [mine.id]
        assert log(erin, f"&user={bob.id}") == []
        change_office("", restricts_agents=True, by=alice)
        db.session.commit()
        assert log(bob) == [mine.id]

    def test_a_restricted_agent_neither_sees_nor_writes_what_waits_for_others(
        self, client_of: ClientOf, bob: User, carol: User, alice: User, talk: Talk
    ) -> None:
        call = talk()
        change_office("", restricts_agents=True, by=alice)
        db.session.commit()
        client = client_of(carol)
        assert listed(client) == listed(client, "/") == listed(client, **HTMX) == []
        for end_of in ("wrapup", "wrapup/draft", "write-up/dismiss", "write-up/back"):
            url = f"/calls/{call.id}/{end_of}"
            assert client.post(url, data={"note": "No"}, headers=HTMX).status_code == 404
        assert row_of(call, bob).note == ""

    def test_the_list_asks_no_more_for_many_than_for_one(
        self, client_of: ClientOf, bob: User, talk: Talk
    ) -> None:
        client = client_of(bob)
        counts = []
        for number in range(1, 5):
            talk(f"in_{number}")
            with questions() as asked:
                assert len(listed(client, **HTMX)) == number
            counts.append(len(asked))
        assert counts[1] == counts[-1]
