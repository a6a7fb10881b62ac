"""kill -9 of real workers and of their bus: each job is done exactly once."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from flask import Flask
from sqlalchemy import func, select

from crm_app import database
from crm_app.config import Config
from crm_app.extensions import db
from crm_app.jobs import services
from crm_app.jobs.models import Job
from crm_app.tasks.models import Task
from tests.jobs.counting_worker import KIND
from tests.live.conftest import own_bus
from tests.own_bus import OwnBus
from tests.patience import wait_until
from tests.serving.running import ROOT, environment

__all__ = ["own_bus"]
pytestmark = [pytest.mark.processes, pytest.mark.unhurried]
WAIT_SECONDS = 60


@contextmanager
def worker(
    app: Flask, *stands_still_after: str, bus_url: str = ""
) -> Iterator["subprocess.Popen[bytes]"]:
    """A process that works on the database of the test; it is killed when the block ends."""
    settings: Config = app.extensions["settings"]
    given = environment(
        settings.data_dir,
        DATABASE_URL=settings.sqlalchemy_url, REDIS_URL=bus_url or settings.redis_url,
        SECRET_KEY=settings.secret_keys[0], LOG_LEVEL="ERROR",
    )  # fmt: skip
    command = [sys.executable, "-m", "tests.jobs.counting_worker", *stands_still_after]
    process = subprocess.Popen(command, cwd=ROOT, env=given)
    try:
        yield process
    finally:
        process.kill()
        process.wait(60)


def done() -> int:
    """How many jobs are marked done."""
    with database.reading():
        count = db.session.scalar(select(func.count(Job.id)).where(Job.done_at.is_not(None)))
        db.session.rollback()
    return count or 0


def wait_until_done(jobs: int, process: "subprocess.Popen[bytes]") -> None:
    """Wait until so many jobs are done, while the worker lives."""
    wait_until(
        lambda: done() >= jobs, "some job is not done", seconds=WAIT_SECONDS, process=process
    )


def test_two_hundred_jobs_are_done_once_each_though_their_worker_is_killed_twice(
    app: Flask,
) -> None:
    names = [f"task {number:03}" for number in range(200)]
    for name in names:
        services.enqueue(db.session, KIND, {"title": name})
    db.session.commit()
    for enough in (30, 100):
        with worker(app, f"{enough}") as process:
            wait_until_done(enough, process)
        # It was killed in the middle of a job, and nobody has done the others.
        assert done() < len(names)
    with worker(app) as process:
        wait_until_done(len(names), process)
    assert sorted(db.session.scalars(select(Task.title))) == names


def test_jobs_that_come_while_the_bus_is_away_are_done_once_when_it_is_back(
    app: Flask, own_bus: OwnBus
) -> None:
    names = [f"task {number:02}" for number in range(21)]
    with worker(app, bus_url=own_bus.url) as process:
        services.enqueue(db.session, KIND, {"title": names[0]})
        db.session.commit()
        wait_until_done(1, process)
        own_bus.stop()
        for name in names[1:]:
            services.enqueue(db.session, KIND, {"title": name})
        db.session.commit()
        own_bus.start()
        wait_until_done(len(names), process)
    assert sorted(db.session.scalars(select(Task.title))) == names
