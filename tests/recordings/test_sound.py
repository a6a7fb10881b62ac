"""The bytes of a recording: in parts, to those who may hear it, and never without a line."""

import io
import re
import wave
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from crm_app.accounts.models import OfficeSettings, User
from crm_app.accounts.services import change_hearing, change_office
from crm_app.calls.fold.facts import Fact, FactKind
from crm_app.calls.models import Call, CallLeg
from crm_app.calls.store import ledger
from crm_app.clock import now
from crm_app.demo import make_contact, make_user
from crm_app.extensions import db
from crm_app.journal.kinds import RecordKind
from crm_app.journal.models import JournalEntry
from crm_app.recordings.models import Listening, Recording, State, Transcript
from crm_app.simulator.office import Simulator
from crm_app.simulator.sounds import Plan, sound
from tests.owed import perform
from tests.questions import questions
from tests.recordings.conftest import CLIENT, fetched, note_in_pbx, record, the_recording

ClientOf = Callable[[User], FlaskClient]
PLAYER = {"Sec-Fetch-Dest": "audio"}


@pytest.fixture
def call(pbx: Simulator, bob: User) -> Call:
    """A call in which Bob talked, with its recording here."""
    call = record(pbx)
    fetched(call)
    return call


def listened() -> list[tuple[str, str]]:
    """Who did what, in order."""
    rows = db.session.scalars(select(Listening).order_by(Listening.id)).all()
    return [(row.user.name, row.kind) for row in rows]


def hears(by: User, **roles: str) -> None:
    """Say what roles may hear."""
    office = {"agents": "own", "managers": "all", "admins": "all", **roles}
    change_hearing(office, {}, by)
    db.session.commit()


class TestRange:
    @pytest.mark.parametrize(
        ("asked", "first", "end"),
        [
            ("bytes=0-", 0, None), ("bytes=0-99", 0, 100), ("bytes=1000-1000", 1000, 1001),
            ("bytes=40000-999999", 40_000, None), ("bytes=-500", -500, None),
        ],
    )  # fmt: skip
    def test_a_part_is_answered_with_206_and_says_which(
        self, call: Call, bob: User, client_of: ClientOf, asked: str, first: int, end: int | None
    ) -> None:
        answer = client_of(bob).get(f"/calls/{call.id}/recording", headers={"Range": asked})
        wanted = sound()[first:end]
        assert (answer.status_code, answer.data) == (206, wanted)
        start = first if first >= 0 else len(sound()) + first
        last = start + len(wanted) - 1
        assert answer.headers["Content-Range"] == f"bytes {start}-{last}/{len(sound())}"
        assert answer.content_length == len(wanted)

    @pytest.mark.parametrize("asked", ["bytes=49048-", "bytes=900000-900001"])
    def test_a_part_that_is_not_there_is_answered_with_416(
        self, call: Call, bob: User, client_of: ClientOf, asked: str
    ) -> None:
        answer = client_of(bob).get(f"/calls/{call.id}/recording", headers={"Range": asked})
        assert answer.status_code == 416
        assert answer.headers["Content-Range"] == f"bytes */{len(sound())}"

    @pytest.mark.parametrize("asked", ["", "lines=1-2", "bytes=0-1,5-6", "bytes=z"])
    def test_what_is_no_one_part_gives_the_whole(
        self, call: Call, bob: User, client_of: ClientOf, asked: str
    ) -> None:
        answer = client_of(bob).get(f"/calls/{call.id}/recording", headers={"Range": asked})
        assert (answer.status_code, answer.data) == (200, sound())
        assert answer.headers["Accept-Ranges"] == "bytes"
        assert answer.content_type == "audio/mpeg"

    def test_a_part_of_another_file_is_not_taken_for_this_one(
        self, call: Call, bob: User, client_of: ClientOf
    ) -> None:
        headers = {"Range": "bytes=5-9", "If-Range": '"another"'}
        answer = client_of(bob).get(f"/calls/{call.id}/recording", headers=headers)
        assert (answer.status_code, answer.data) == (200, sound())

    def test_the_head_alone_sends_no_sound_and_writes_no_line(
        self, call: Call, bob: User, client_of: ClientOf
    ) -> None:
        answer = client_of(bob).head(f"/calls/{call.id}/recording")
        assert (answer.status_code, answer.data) == (200, b"")
        assert answer.content_length == len(sound())
        assert listened() == []


class TestRights:
    def test_who_only_sees_a_call_does_not_hear_it(
        self, call: Call, carol: User, client_of: ClientOf
    ) -> None:
        page = client_of(carol).get(f"/calls/{call.id}").text
        assert "You may not listen to this call." in page
        assert "<audio" not in page
        for path in ("recording", "recordings/1", "player"):
            assert client_of(carol).get(f"/calls/{call.id}/{path}").status_code == 403
        row_id = db.session.scalars(select(Recording.id)).one()
        for verb in ("heard", "try-again"):
            assert client_of(carol).post(f"/recordings/{row_id}/{verb}").status_code == 403

    def test_a_phone_that_only_rang_hears_nothing(
        self, pbx: Simulator, bob: User, client_of: ClientOf
    ) -> None:
        dave = make_user("Dave Agent", extension="102")
        call = record(pbx)
        db.session.add(
            CallLeg(call_id=call.id, extension="102", user_id=dave.id, started_at=call.started_at,
                    rang_at=call.started_at)
        )  # fmt: skip
        fetched(call)
        assert client_of(dave).get(f"/calls/{call.id}/recording").status_code == 403
        assert client_of(bob).get(f"/calls/{call.id}/recording").status_code == 200

    @pytest.mark.parametrize(
        ("agents", "managers", "allowed"),
        [
            ("own", "all", {"bob", "dora", "alice"}), ("nobody", "all", {"dora", "alice"}),
            ("all", "own", {"bob", "carol", "alice"}),
            ("team", "nobody", {"bob", "carol", "alice"}),
        ],
    )  # fmt: skip
    def test_each_role_hears_what_the_office_says(
        self, call: Call, bob: User, carol: User, dora: User, alice: User, client_of: ClientOf,
        agents: str, managers: str, allowed: set[str],
    ) -> None:  # fmt: skip
        bob.team = carol.team = dora.team = "North"
        hears(alice, agents=agents, managers=managers)
        people = {"bob": bob, "carol": carol, "dora": dora, "alice": alice}
        got = {n: client_of(u).get(f"/calls/{call.id}/recording").status_code
               for n, u in people.items()}  # fmt: skip
        assert got == {name: 200 if name in allowed else 403 for name in people}

    def test_a_team_without_a_name_is_nobodys(
        self, call: Call, bob: User, carol: User, alice: User, client_of: ClientOf
    ) -> None:
        hears(alice, agents="team")
        assert client_of(bob).get(f"/calls/{call.id}/recording").status_code == 200
        assert client_of(carol).get(f"/calls/{call.id}/recording").status_code == 403

    def test_who_may_not_see_a_call_does_not_learn_that_it_has_a_recording(
        self, call: Call, carol: User, alice: User, client_of: ClientOf
    ) -> None:
        change_office("Office", restricts_agents=True, by=alice)
        hears(alice, agents="all")
        assert client_of(carol).get(f"/calls/{call.id}/recording").status_code == 404

    def test_nothing_is_given_without_a_sign_in(self, call: Call, visitor: FlaskClient) -> None:
        assert visitor.get(f"/calls/{call.id}/recording").status_code in (302, 303)

    def test_a_right_that_was_taken_away_holds_for_the_next_bytes(
        self, call: Call, bob: User, alice: User, client_of: ClientOf
    ) -> None:
        browser, part = client_of(bob), {"Range": "bytes=0-9"}
        assert browser.get(f"/calls/{call.id}/recording", headers=part).status_code == 206
        hears(alice, agents="nobody")
        assert browser.get(f"/calls/{call.id}/recording", headers=part).status_code == 403


class TestAddresses:
    def test_no_sound_is_404_and_another_number_too(
        self, pbx: Simulator, bob: User, client_of: ClientOf
    ) -> None:
        call = record(pbx, "never")
        assert client_of(bob).get(f"/calls/{call.id}/recording").status_code == 404
        fetched(call)
        assert client_of(bob).get(f"/calls/{call.id}/recording").status_code == 404

    def test_each_of_several_has_its_number(
        self, pbx: Simulator, bob: User, client_of: ClientOf
    ) -> None:
        call = record(pbx)
        pbx.sounds.plan("1999999999.7", Plan("stereo", timedelta()))
        note_in_pbx(pbx, call.pbx_call_id, "1999999999.7")
        fact = Fact(FactKind.RECORDED, call.pbx_call_id, now(), recording_id="1999999999.7")
        ledger.record(db.session.connection(), fact, "")
        db.session.commit()
        perform("recorded")
        perform("fetch_recording")
        browser = client_of(bob)
        assert browser.get(f"/calls/{call.id}/recordings/1").data == sound()
        second = browser.get(f"/calls/{call.id}/recordings/2")
        assert second.content_type == "audio/wav"
        with wave.open(io.BytesIO(second.data)) as file:
            assert file.getnchannels() == 2
        for n in (0, 3):
            assert browser.get(f"/calls/{call.id}/recordings/{n}").status_code == 404
        assert browser.get(f"/calls/{call.id}").text.count("<audio") == 2

    def test_a_download_has_a_name_that_a_person_understands(
        self, pbx: Simulator, bob: User, client_of: ClientOf
    ) -> None:
        make_contact("João / Patrício", phones=(CLIENT,))
        call = record(pbx)
        fetched(call)
        answer = client_of(bob).get(f"/calls/{call.id}/recording?download=1")
        header = answer.headers["Content-Disposition"]
        assert header.startswith("attachment;")
        assert "Jo%C3%A3o%20%20Patr%C3%ADcio.mp3" in header

    def test_a_file_that_somebody_took_from_the_folder_is_not_there(
        self, app: Flask, call: Call, bob: User, client_of: ClientOf
    ) -> None:
        app.extensions["recordings"].delete(db.session.scalars(select(Recording.name)).one())
        assert client_of(bob).get(f"/calls/{call.id}/recording").status_code == 404


def test_how_many_questions_a_page_asks_does_not_depend_on_the_recordings_of_its_call(
    call: Call, bob: User, dora: User, client_of: ClientOf
) -> None:
    row, browser = db.session.scalars(select(Recording)).one(), client_of(dora)
    more = {"recorded_at": row.recorded_at, "seconds": 2.0, "peaks": b"a", "state": State.READY}
    url, counts = f"/calls/{call.id}/players", []
    # The office's settings are remembered.
    browser.get(url)
    for name, held_by in (("2", bob), ("3", dora), ("4", bob)):
        one = Recording(call_id=call.id, recording_id=name, **more)
        one.held_by, one.held_at, one.transcript = held_by, now(), Transcript()
        db.session.add(one)
        db.session.commit()
        with questions() as asked:
            page = browser.get(url).text
        counts.append((page.count("data-recording="), len(asked)))
        db.session.rollback()
    assert [shown for shown, _asked in counts] == [2, 3, 4]
    assert len({asked for _shown, asked in counts}) == 1


class TestJournal:
    def test_a_player_says_itself_from_which_second_on_somebody_heard(
        self, call: Call, bob: User, client_of: ClientOf
    ) -> None:
        browser = client_of(bob)
        assert browser.get(f"/calls/{call.id}/recording", headers=PLAYER).status_code == 200
        assert listened() == []
        row_id = db.session.scalars(select(Recording.id)).one()
        for position in ("7.4", "nan", "-3", "1e9"):
            answer = browser.post(f"/recordings/{row_id}/heard", data={"position": position})
            assert answer.status_code == 204
        assert listened() == [("Bob Agent", "listened")] * 4
        places = db.session.scalars(select(Listening.position).order_by(Listening.id)).all()
        assert list(places) == [7, 0, 0, 16]

    @pytest.mark.parametrize("query", ["", "?download=1"])
    def test_whatever_else_takes_the_bytes_is_a_download(
        self, call: Call, bob: User, client_of: ClientOf, query: str
    ) -> None:
        headers = PLAYER if query else {"Range": "bytes=0-"}
        browser = client_of(bob)
        for _part in range(3):
            browser.get(f"/calls/{call.id}/recording{query}", headers=headers)
        assert listened() == [("Bob Agent", "downloaded")]

    def test_managers_read_it_and_narrow_it(
        self, call: Call, bob: User, dora: User, client_of: ClientOf
    ) -> None:
        client_of(bob).get(f"/calls/{call.id}/recording")
        client_of(dora).get(f"/calls/{call.id}/recording")
        manager = client_of(dora)
        assert manager.get("/recordings/listening").text.count("data-listening=") == 2
        for query, count in (
            (f"user={bob.id}", 1), (f"talked={bob.id}", 2), (f"talked={dora.id}", 0),
            ("kind=listened", 0), ("kind=downloaded", 2), ("until=2020-01-01", 0), ("user=x", 0),
        ):  # fmt: skip
            page = manager.get(f"/recordings/listening?{query}").text
            assert page.count("data-listening=") == count, query
        assert client_of(bob).get("/recordings/listening").status_code == 403


def test_a_stranger_s_recording_is_listed_by_the_number(
    call: Call, dora: User, client_of: ClientOf
) -> None:
    manager = client_of(dora)
    manager.get(f"/calls/{call.id}/recording")
    for address in ("/recordings", "/recordings/listening"):
        page = manager.get(address).text
        assert "910 000 042" in page
        assert "Unknown number" not in page


def test_the_next_of_the_list_of_recordings_is_the_next_that_can_be_heard(
    app: Flask, pbx: Simulator, dora: User, client_of: ClientOf
) -> None:
    ago = (timedelta(minutes=minutes) for minutes in (2, 4, 6, 8))
    newest, second, third, oldest = (
        record(pbx, ago=one, did=did)
        for one, did in zip(ago, (*["351210000001"] * 3, "351210000002"), strict=True)
    )
    for one in (newest, second, third, oldest):
        fetched(one)
    assert the_recording(oldest).state == State.READY
    gone = the_recording(second)
    gone.state = State.DELETED
    db.session.commit()
    manager = client_of(dora)
    page = manager.get("/recordings").text
    assert f"/calls/{newest.id}/player?next=recordings" in page

    def next_after(call: Call, query: str = "") -> int | None:
        dock = manager.get(
            f"/calls/{call.id}/player?next=recordings{query}", headers={"HX-Request": "true"}
        ).text
        found = re.search(r"/calls/(\d+)/player\?[^\"]*next=recordings", dock)
        return int(found[1]) if found else None

    assert next_after(newest) == third.id
    assert next_after(third) == oldest.id
    assert next_after(oldest) is None
    assert next_after(newest, "&line=%2B351210000002") == oldest.id


def test_the_rules_are_the_administrators(
    call: Call, bob: User, dora: User, alice: User, client_of: ClientOf
) -> None:
    for user in (bob, dora):
        assert client_of(user).get("/recordings/settings").status_code == 403
    browser = client_of(alice)
    fields = {"agents": "team", "managers": "own", "admins": "all", f"team-{bob.id}": " North "}
    page = browser.get("/recordings/settings").text
    assert 'name="days-+351210000001"' in page
    answer = browser.post("/recordings/settings", data=fields | {"days-+351210000001": "30"})
    assert answer.status_code == 303
    db.session.expire_all()
    office = db.session.get_one(OfficeSettings, 1)
    assert (office.agents_hear, office.managers_hear) == ("team", "own")
    assert db.session.get_one(User, bob.id).team == "North"
    # The journal of each says which team they left, and which they came to.
    browser.post("/recordings/settings", data=fields | {f"team-{dora.id}": "South"})
    for whose, team in ((bob, "North"), (dora, "South")):
        entry = db.session.scalars(JournalEntry.of(RecordKind.USER, whose.id).limit(1)).one()
        assert entry.changes == {"team": {"old": {"value": ""}, "new": {"value": team}}}
    for wrong in ({"days-+351210000001": "9999"}, {"days-+351210000001": "x"}, {"agents": "some"}):
        answer = browser.post(
            "/recordings/settings", data=fields | {f"team-{bob.id}": "South"} | wrong
        )
        assert answer.status_code == 422
        assert 'value="South"' in answer.text
