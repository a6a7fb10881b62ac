"""What administrators see of the jobs: what is owed and since when, what failed, and a new try."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient

from crm_app import clock
from crm_app.accounts.models import User
from crm_app.extensions import db
from crm_app.health import migrations
from crm_app.jobs.models import Job
from crm_app.jobs.views import MOST_SHOWN
from crm_app.serving.jobs import KINDS
from tests.questions import questions
from tests.reader import Element, elements_of

SignIn = Callable[[User], FlaskClient]


@pytest.fixture
def jobs(app: Flask) -> dict[str, Job]:
    """One that is due, one for later, one that failed, one that is done."""
    now = clock.now()
    made = {
        "due": Job(kind="count", due_at=now - timedelta(minutes=5)),
        "later": Job(kind="count", due_at=now + timedelta(hours=1)),
        "failed": Job(
            kind="fetch", due_at=now + timedelta(hours=3), tries=7,
            last_error="RuntimeError: the printer is on fire",
        ),
        "done": Job(kind="count", due_at=now - timedelta(hours=1), done_at=now),
    }  # fmt: skip
    db.session.add_all(made.values())
    db.session.commit()
    return made


def parts(page: str, attribute: str) -> dict[str, Element]:
    """The elements that have an attribute, by its value."""
    return {e.get(attribute): e for e in elements_of(page) if e.get(attribute)}


def test_it_shows_how_much_of_each_kind_is_owed(
    jobs: dict[str, Job], alice: User, client_of: SignIn
) -> None:
    page = client_of(alice).get("/jobs").text
    rows = parts(page, "data-job-kind")
    assert {kind: row.text for kind, row in rows.items()} == {
        "count": "count 1 1 0",
        "fetch": "fetch 0 1 1",
    }
    assert "1 job is due." in page


def test_it_names_every_kind_of_job_in_words(app: Flask, alice: User, client_of: SignIn) -> None:
    db.session.add_all(Job(kind=kind.name, due_at=clock.now()) for kind in KINDS)
    db.session.commit()
    rows = parts(client_of(alice).get("/jobs").text, "data-job-kind")
    assert len(rows) == len(KINDS)
    assert [kind for kind, row in rows.items() if row.text.startswith(kind)] == []


def test_it_shows_what_failed_and_why(jobs: dict[str, Job], alice: User, client_of: SignIn) -> None:
    failed = parts(client_of(alice).get("/jobs").text, "data-job-id")
    (row,) = failed.values()
    assert row.get("data-job-id") == str(jobs["failed"].id)
    assert "fetch RuntimeError: the printer is on fire" in row.text
    assert "7 tries" in row.text


def test_an_administrator_lets_a_failed_job_be_tried_again(
    jobs: dict[str, Job], alice: User, client_of: SignIn
) -> None:
    failed, due = jobs["failed"], jobs["due"]
    client = client_of(alice)
    assert client.post(f"/jobs/{failed.id}/try-again").status_code == 303
    assert failed.due_at <= clock.now()
    assert client.post(f"/jobs/{due.id}/try-again").status_code == 404
    assert client.post("/jobs/987654/try-again").status_code == 404


def test_agents_neither_see_nor_change_the_jobs(
    jobs: dict[str, Job], bob: User, dora: User, client_of: SignIn
) -> None:
    address = f"/jobs/{jobs['failed'].id}/try-again"
    assert client_of(bob).get("/jobs").status_code == 403
    assert client_of(bob).post(address).status_code == 403
    assert jobs["failed"].due_at > clock.now()
    # Managers look after the health of the telephony.
    assert client_of(dora).get("/jobs").status_code == 200
    assert client_of(dora).post(address).status_code == 303


def test_they_stand_on_the_page_of_the_telephony_with_its_health(
    app: Flask, alice: User, client_of: SignIn
) -> None:
    page = client_of(alice).get("/telephony/settings").text
    assert "/jobs" in parts(page, "hx-get")
    fragment = client_of(alice).get("/jobs", headers={"HX-Request": "true"}).text
    assert "<html" not in fragment
    assert "Nothing is due" in fragment


def test_a_watching_program_counts_them(
    jobs: dict[str, Job], alice: User, client_of: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrations, "state", lambda _connection: migrations.State.CURRENT)
    figures = client_of(alice).get("/metrics").text.splitlines()
    assert 'ramal_jobs_due{kind="count"} 1.0' in figures
    assert 'ramal_jobs_failed{kind="fetch"} 1.0' in figures
    (oldest,) = [line for line in figures if line.startswith("ramal_jobs_oldest_seconds ")]
    assert 300 <= float(oldest.split()[1]) < 360


def test_the_page_asks_the_database_as_much_for_many_jobs_as_for_one(
    alice: User, client_of: SignIn
) -> None:
    client = client_of(alice)
    client.get("/jobs")
    with questions() as few:
        client.get("/jobs")
    now = clock.now()
    db.session.add_all(Job(kind=f"k{n % 5}", due_at=now, last_error="?") for n in range(60))
    db.session.commit()
    with questions() as many:
        page = client.get("/jobs").text
    assert len(many) == len(few)
    assert len(parts(page, "data-job-id")) == MOST_SHOWN
    assert parts(page, "data-jobs-due").keys() == {"60"}
