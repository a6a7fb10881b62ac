"""A job is owed in the transaction that owes it, once for each key."""

from datetime import timedelta

from flask import Flask
from sqlalchemy import select

from crm_app import clock
from crm_app.extensions import db
from crm_app.jobs import services
from crm_app.jobs.models import Job


def kinds() -> list[str]:
    """The kinds of all jobs, as another session sees them."""
    db.session.rollback()
    with db.engine.connect() as connection:
        return list(connection.scalars(select(Job.kind).order_by(Job.id)))


def test_a_job_is_committed_with_the_transaction_of_its_connection(app: Flask) -> None:
    with db.engine.begin() as connection:
        services.enqueue(connection, "kept", {"call": "in_1"})
    with db.engine.connect() as connection:
        services.enqueue(connection, "given up")
        connection.rollback()
    assert kinds() == ["kept"]
    job = db.session.scalars(select(Job)).one()
    assert (job.payload, job.tries, job.done_at) == ({"call": "in_1"}, 0, None)


def test_a_job_is_committed_with_the_transaction_of_its_session(app: Flask) -> None:
    services.enqueue(db.session, "given up")
    db.session.rollback()
    services.enqueue(db.session, "kept")
    db.session.commit()
    assert kinds() == ["kept"]


def test_a_key_is_owed_once_until_it_is_done(app: Flask) -> None:
    for payload in ({"n": 1}, {"n": 2}):
        services.enqueue(db.session, "count", payload, key="one")
    services.enqueue(db.session, "count", {"n": 3}, key="another")
    job = db.session.scalars(select(Job).where(Job.unique_key == "one")).one()
    assert job.payload == {"n": 1}
    job.done_at = clock.now()
    db.session.flush()
    services.enqueue(db.session, "count", {"n": 4}, key="one")
    db.session.commit()
    open_ones = select(Job.payload).where(Job.unique_key == "one", Job.done_at.is_(None))
    assert db.session.scalars(open_ones).all() == [{"n": 4}]


def test_jobs_without_a_key_are_owed_each(app: Flask) -> None:
    services.enqueue(db.session, "count")
    services.enqueue(db.session, "count")
    db.session.commit()
    assert kinds() == ["count", "count"]


def test_only_what_was_done_long_ago_is_forgotten(app: Flask) -> None:
    now = clock.now()
    for kind, done_at in (
        ("owed", None),
        ("of today", now),
        ("of last month", now - timedelta(days=30)),
    ):
        db.session.add(Job(kind=kind, due_at=now - timedelta(days=60), done_at=done_at))
    services.forget_done()
    db.session.commit()
    assert kinds() == ["owed", "of today"]
