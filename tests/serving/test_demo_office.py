"""The sample office: laid once into an empty database, never over a real one."""

import pytest
from flask import Flask
from sqlalchemy import func, select

from crm_app import clock, demo_office
from crm_app.accounts.models import User
from crm_app.callbacks.models import CallBack
from crm_app.calls.models import Call
from crm_app.contacts.models import Contact
from crm_app.demo import make_contact, make_user
from crm_app.demo_office.calls import CALLS
from crm_app.demo_office.conversations import conversations
from crm_app.demo_office.loading import CALLS_TODAY
from crm_app.demo_office.people import PEOPLE
from crm_app.errors import RamalError
from crm_app.extensions import db
from crm_app.jobs.models import Job
from crm_app.leads.models import Lead
from crm_app.office.services import opening_hours
from crm_app.recordings import audio
from crm_app.recordings.fetching import FETCH
from crm_app.recordings.models import Listening, Recording, State, Transcript
from crm_app.reports import figures, periods
from crm_app.reports import services as reports
from crm_app.reports.counting import OFFICE
from crm_app.tasks.models import Task


def counts() -> list[int]:
    """How many there are of each."""
    models = (User, Contact, Lead, Task, Call)
    return [db.session.scalar(select(func.count()).select_from(model)) or 0 for model in models]


def test_it_lays_the_same_office_once_and_clears_it(app: Flask) -> None:
    first = demo_office.load()
    before = counts()
    assert min(before) > 0
    assert before[-1] > CALLS + CALLS_TODAY
    # Its calls are history; only the newest recording has not been fetched yet.
    assert db.session.scalars(select(Job.kind)).all() == [FETCH]
    second = demo_office.load()
    assert counts() == before
    assert [card.email for card in first] == [card.email for card in second]
    assert not {card.password for card in first} & {card.password for card in second}
    assert all(number.startswith("+351") for _, number in demo_office.known_clients())
    folder = app.extensions["settings"].data_dir / "recordings"
    assert any(folder.rglob("*.mp3"))
    assert demo_office.clear() > sum(before)
    assert not any(folder.rglob("*.mp3"))
    assert counts() == [0] * 5


def test_it_lets_everybody_sign_in_with_the_printed_password(app: Flask) -> None:
    card = demo_office.load(calls=20)[0]
    browser = app.test_client()
    answer = browser.post("/login", data={"email": card.email, "password": card.password})
    assert answer.status_code in {302, 303}
    assert browser.get("/contacts").status_code == 200


def test_it_does_not_touch_a_real_office(app: Flask) -> None:
    make_user("Real Person")
    make_contact("Real Client", phones=("912 345 678",))
    before = counts()
    with pytest.raises(RamalError, match="real office"):
        demo_office.load()
    with pytest.raises(RamalError, match="nothing was deleted"):
        demo_office.clear()
    assert counts() == before


def test_it_has_something_to_see_on_every_page(app: Flask) -> None:
    demo_office.load()
    its_recordings_can_be_heard_and_some_say_why_not(app)
    its_call_backs_are_in_every_state()
    its_calls_are_over()
    its_reports_compare_the_work_of_all_colleagues()


def its_recordings_can_be_heard_and_some_say_why_not(app: Flask) -> None:
    rows = db.session.scalars(select(Recording)).all()
    ready = [row for row in rows if row.state == State.READY]
    store = app.extensions["recordings"]
    assert len(ready) > 50
    assert sum(row.size or 0 for row in ready) < 20_000_000
    row = ready[0]
    path = store.new_file("copy.mp3")
    path.write_bytes(b"".join(store.read(row.name, 0, row.size)))
    sound = audio.examine(path)
    assert (sound.seconds, sound.peaks) == (row.seconds, row.peaks)
    assert all(abs((one.seconds or 0) - (one.call.talk_seconds or 0)) < 1 for one in ready)
    assert {one.state for one in rows} == set(State)
    assert {one.reason for one in rows if one.state == State.FAILED} > {"not_audio", "too_large"}
    assert [one.is_held for one in rows].count(True) == 1
    words = db.session.scalars(select(Transcript)).first()
    assert words is not None
    assert words.phrases[0]["text"] == conversations()[0].phrases[0].text
    heard = db.session.scalars(select(Listening)).all()
    assert {one.user.role for one in heard} == {"admin", "manager"}


def its_call_backs_are_in_every_state() -> None:
    rows = db.session.scalars(select(CallBack)).all()
    assert {row.state for row in rows} == {"open", "taken", "done"}
    assert {row.done_how for row in rows if row.done_at} >= {"talk", "hand"}
    waiting = [row for row in rows if row.state == "open"]
    assert any(row.holder_id is None for row in waiting)
    assert any(row.lent_to_id for row in waiting)
    assert any(row.snoozed_from for row in waiting)
    assert any(row.tries for row in waiting)
    assert any(row.misses == 2 for row in waiting)


def its_calls_are_over() -> None:
    newest = db.session.scalar(select(func.max(Call.ended_at)))
    assert newest is not None
    assert newest < clock.now()


def its_reports_compare_the_work_of_all_colleagues() -> None:
    people = [user.id for user in db.session.scalars(select(User))]
    days = periods.named(periods.DEFAULT, clock.today())
    numbers = reports.read(days, OFFICE, people, opening_hours("Europe/Lisbon"))
    lines = figures.colleagues(numbers, [(one, "") for one in people])
    assert len(lines) == len(PEOPLE)
    assert all(line.count.seconds and line.before.seconds for line in lines)
    assert len(figures.reasons(numbers, OFFICE)) > 3
