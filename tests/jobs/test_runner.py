"""The runner: each job once, however many workers there are and whatever goes wrong."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from threading import Barrier, Event, Thread
from typing import Any

import pytest
import time_machine
from flask import Flask
from sqlalchemy import func, select

from crm_app import clock
from crm_app.extensions import db
from crm_app.jobs import runner, services
from crm_app.jobs.models import Job
from crm_app.jobs.runner import Kind, NextStep, Runner
from crm_app.tasks import services as tasks
from crm_app.tasks.fields import TaskDraft
from crm_app.tasks.models import Task

MORNING = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def add_task(payload: dict[str, Any]) -> None:
    """A handler that would do its work twice if it were called twice."""
    tasks.create_task(TaskDraft(title=payload["title"]), None)


def fail(payload: dict[str, Any]) -> None:
    """A handler that does half of its work and stumbles."""
    add_task({"title": "half"})
    raise RuntimeError("the printer is on fire")


def run_all(*kinds: Kind) -> None:
    """Perform whatever is due."""
    Runner(kinds).work(lambda: False)


def titles() -> list[str]:
    """The titles of all tasks."""
    return list(db.session.scalars(select(Task.title).order_by(Task.id)))


def owe(kind: str, **payload: Any) -> None:
    """Owe a job and commit."""
    services.enqueue(db.session, kind, payload)
    db.session.commit()


def the_job() -> Job:
    """The only job there is."""
    return db.session.scalars(select(Job).execution_options(populate_existing=True)).one()


def test_a_job_is_performed_once_and_marked_done(app: Flask) -> None:
    owe("add", title="one")
    run_all(Kind("add", add_task))
    run_all(Kind("add", add_task))
    assert titles() == ["one"]
    assert the_job().done_at is not None
    assert (the_job().tries, the_job().leased_by, the_job().last_error) == (1, "", "")


def test_jobs_are_performed_in_the_order_of_their_time_and_not_before_it(app: Flask) -> None:
    with time_machine.travel(MORNING, tick=False) as traveller:
        for title, minutes in (("second", 2), ("first", 1), ("third", 3)):
            at = MORNING + timedelta(minutes=minutes)
            services.enqueue(db.session, "add", {"title": title}, due_at=at)
        db.session.commit()
        run_all(Kind("add", add_task))
        assert titles() == []
        traveller.shift(timedelta(minutes=2))
        run_all(Kind("add", add_task))
        assert titles() == ["first", "second"]
        traveller.shift(timedelta(minutes=1))
        run_all(Kind("add", add_task))
        assert titles() == ["first", "second", "third"]


def test_a_handler_that_fails_leaves_nothing_but_its_error_in_words(app: Flask) -> None:
    owe("fail")
    run_all(Kind("fail", fail))
    assert titles() == []
    job = the_job()
    assert job.last_error == "RuntimeError: the printer is on fire"
    assert (job.done_at, job.tries, job.leased_until) == (None, 1, None)


def test_an_error_of_the_database_does_not_show_what_was_stored(app: Flask) -> None:
    def clash(payload: dict[str, Any]) -> None:
        for _ in range(2):
            db.session.execute(Job.__table__.insert().values(
                kind="secret", unique_key="Anna Client", payload={}, due_at=clock.now(),
                tries=0, leased_by="", last_error="", created_at=clock.now(),
            ))  # fmt: skip

    owe("clash")
    run_all(Kind("clash", clash))
    error = the_job().last_error
    assert "unique" in error.lower()
    assert "Anna" not in error
    assert "\n" not in error


def test_tries_are_repeated_after_growing_pauses_until_one_succeeds(app: Flask) -> None:
    broken = True

    def mend(payload: dict[str, Any]) -> None:
        if broken:
            raise RuntimeError("not yet")
        add_task(payload)

    kind = Kind("mend", mend)
    with time_machine.travel(MORNING, tick=False) as traveller:
        owe("mend", title="done")
        pauses = []
        for _ in range(12):
            run_all(kind)
            pauses.append((the_job().due_at - clock.now()).total_seconds())
            traveller.shift(timedelta(seconds=pauses[-1]))
        assert pauses[:4] == [5, 15, 45, 135]
        assert pauses == sorted(pauses)
        assert pauses[-1] == runner.LONGEST_PAUSE.total_seconds()
        broken = False
        run_all(kind)
        assert titles() == ["done"]
        assert (the_job().last_error, the_job().tries) == ("", 13)


def test_a_job_that_fails_does_not_keep_the_next_from_its_turn(app: Flask) -> None:
    owe("fail")
    owe("add", title="next")
    run_all(Kind("fail", fail), Kind("add", add_task))
    assert titles() == ["next"]


def test_a_failed_job_is_tried_again_at_once_when_somebody_asks(app: Flask) -> None:
    owe("mend", title="done")
    run_all(Kind("mend", fail))
    run_all(Kind("mend", add_task))
    assert titles() == []
    assert services.try_again(the_job().id)
    db.session.commit()
    run_all(Kind("mend", add_task))
    assert titles() == ["done"]
    assert not services.try_again(the_job().id)


def test_one_of_several_workers_takes_a_job(app: Flask) -> None:
    owe("add", title="one")
    taken = [Runner([Kind("add", add_task)])._take() for _ in range(3)]
    assert [job is not None for job in taken] == [True, False, False]


def test_the_job_of_a_dead_worker_comes_back_when_its_lease_ends(app: Flask) -> None:
    kind = Kind("add", add_task, lease=timedelta(minutes=1))
    with time_machine.travel(MORNING, tick=False) as traveller:
        owe("add", title="one")
        assert Runner([kind])._take() is not None
        traveller.shift(timedelta(seconds=59))
        run_all(kind)
        assert titles() == []
        traveller.shift(timedelta(seconds=1))
        error: list[str] = []
        run_all(Kind("add", lambda _: error.append(the_job().last_error)))
        assert error == [runner.WORKER_IS_GONE]
        assert (the_job().tries, the_job().last_error) == (2, "")


def test_a_worker_whose_lease_was_lost_changes_nothing(app: Flask) -> None:
    kind = Kind("add", add_task)
    slow = Runner([kind])
    with time_machine.travel(MORNING, tick=False) as traveller:
        owe("add", title="one")
        taken = slow._take()
        assert taken is not None
        traveller.shift(timedelta(minutes=2))
        run_all(kind)
        with pytest.raises(runner.LeaseIsLostError):
            slow._perform(taken)
        db.session.rollback()
        slow._note_failure(taken, RuntimeError("too late"))
    assert titles() == ["one"]
    assert the_job().last_error == ""


def test_nobody_takes_a_job_that_is_being_performed_even_when_its_lease_has_ended(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, over = Event(), Event()

    def wait(payload: dict[str, Any]) -> None:
        add_task(payload)
        begun.set()
        assert over.wait(20)

    owe("slow", title="one")
    slow = Kind("slow", wait, lease=timedelta(0))
    thread = in_thread(app, lambda: run_all(slow))
    assert begun.wait(20)
    if db.engine.dialect.name == "sqlite":
        # Its one writer is the one who performs the job.
        monkeypatch.setattr("crm_app.database.GATE_TIMEOUT_S", 0.05)
        with pytest.raises(Exception, match="write of this process"):
            Runner([slow])._take()
    else:
        assert Runner([slow])._take() is None
    db.session.rollback()
    over.set()
    thread.join(20)
    run_all(slow)
    assert titles() == ["one"]


def test_many_workers_perform_each_of_many_jobs_once(app: Flask) -> None:
    names = [f"task {number:02}" for number in range(40)]
    for name in names:
        services.enqueue(db.session, "add", {"title": name})
    db.session.commit()
    start = Barrier(8)
    work = lambda: (start.wait(20), run_all(Kind("add", add_task)))  # noqa: E731
    threads = [in_thread(app, work) for _ in range(8)]
    for thread in threads:
        thread.join(60)
    run_all(Kind("add", add_task))
    assert sorted(titles()) == names


def test_long_work_goes_on_in_steps_and_lets_others_in_between(app: Flask) -> None:
    def count(payload: dict[str, Any]) -> NextStep | None:
        add_task({"title": f"step {payload['n']}"})
        return NextStep({"n": payload["n"] + 1}) if payload["n"] < 3 else None

    with time_machine.travel(MORNING, tick=True):
        owe("count", n=1)
        owe("add", title="another")
        run_all(Kind("count", count), Kind("add", add_task))
    assert titles() == ["step 1", "another", "step 2", "step 3"]
    assert db.session.scalar(select(func.count(Job.id)).where(Job.done_at.is_(None))) == 0


def test_a_step_that_fails_repeats_only_itself(app: Flask) -> None:
    stumbles = [2]

    def count(payload: dict[str, Any]) -> NextStep | None:
        add_task({"title": f"step {payload['n']}"})
        if payload["n"] in stumbles:
            raise RuntimeError(stumbles.pop())
        return NextStep({"n": payload["n"] + 1}) if payload["n"] < 3 else None

    with time_machine.travel(MORNING, tick=False) as traveller:
        owe("count", n=1)
        run_all(Kind("count", count))
        assert the_job().payload == {"n": 2}
        traveller.shift(timedelta(minutes=1))
        run_all(Kind("count", count))
    assert titles() == ["step 1", "step 2", "step 3"]


def test_a_step_may_wait_for_its_time(app: Flask) -> None:
    def wait(payload: dict[str, Any]) -> NextStep | None:
        add_task({"title": "look"})
        return None if payload else NextStep({"n": 1}, timedelta(hours=1))

    with time_machine.travel(MORNING, tick=False) as traveller:
        owe("wait")
        run_all(Kind("wait", wait))
        assert titles() == ["look"]
        traveller.shift(timedelta(hours=1))
        run_all(Kind("wait", wait))
        assert titles() == ["look", "look"]


class TestPeriodicJobs:
    def _every(self, minutes: int, perform: Callable[[dict[str, Any]], None]) -> Kind:
        return Kind("clean", perform, every=timedelta(minutes=minutes))

    def _clean(self, payload: dict[str, Any]) -> None:
        add_task({"title": "cleaned"})

    def test_they_have_one_row_each_and_come_back_after_their_time(self, app: Flask) -> None:
        kind = self._every(60, self._clean)
        with time_machine.travel(MORNING, tick=False) as traveller:
            for _ in range(3):
                Runner([kind]).arm()
                run_all(kind)
            assert titles() == ["cleaned"]
            traveller.shift(timedelta(minutes=60))
            run_all(kind)
            run_all(kind)
        assert titles() == ["cleaned", "cleaned"]
        assert (the_job().done_at, the_job().tries) == (None, 0)

    def test_they_are_tried_again_at_the_latest_when_their_time_comes(self, app: Flask) -> None:
        kind = Kind("clean", fail, every=timedelta(seconds=30))
        with time_machine.travel(MORNING, tick=False) as traveller:
            Runner([kind]).arm()
            for _ in range(5):
                run_all(kind)
                traveller.move_to(the_job().due_at)
            run_all(kind)
            assert the_job().due_at - clock.now() == timedelta(seconds=30)
            traveller.shift(timedelta(seconds=30))
            run_all(self._every(60, self._clean))
        assert (the_job().last_error, the_job().tries) == ("", 0)

    def test_one_that_comes_more_often_in_a_new_release_does_not_wait_for_its_old_time(
        self, app: Flask
    ) -> None:
        with time_machine.travel(MORNING, tick=False):
            for minutes in (600, 5):
                kind = self._every(minutes, self._clean)
                Runner([kind]).arm()
                run_all(kind)
                db.session.rollback()
            assert the_job().due_at == MORNING + timedelta(minutes=5)


def test_kinds_of_a_newer_release_are_left_to_it(app: Flask) -> None:
    owe("unheard of")
    run_all(Kind("add", add_task))
    assert (the_job().tries, the_job().done_at) == (0, None)


def in_thread(app: Flask, work: Callable[[], object]) -> Thread:
    """Start a worker's thread with a session of its own."""

    def run() -> None:
        with app.app_context():
            work()
            db.session.remove()

    thread = Thread(target=run)
    thread.start()
    return thread


def test_what_a_job_fetches_is_fetched_outside_any_transaction_and_handed_to_it(app: Flask) -> None:
    seen: list[tuple[bool, str]] = []

    def fetch(payload: dict[str, Any]) -> str:
        title = str(payload["title"])
        seen.append((db.session().in_transaction(), title))
        return title.upper()

    def perform(payload: dict[str, Any], fetched: str) -> None:
        add_task({"title": fetched})

    owe("ask", title="one")
    run_all(Kind("ask", perform, fetch=fetch))
    assert seen == [(False, "one")]
    assert titles() == ["ONE"]
    assert the_job().done_at is not None


def test_a_job_whose_fetching_fails_changes_nothing_and_is_fetched_again(app: Flask) -> None:
    answers = iter([OSError("the line is down"), "later"])

    def fetch(_payload: dict[str, Any]) -> str:
        answer = next(answers)
        if isinstance(answer, OSError):
            raise answer
        return str(answer)

    kind = Kind("ask", lambda _payload, fetched: add_task({"title": fetched}), fetch=fetch)
    with time_machine.travel(MORNING, tick=False) as traveller:
        owe("ask")
        run_all(kind)
        assert titles() == []
        assert the_job().last_error == "OSError: the line is down"
        traveller.shift(runner.FIRST_PAUSE)
        run_all(kind)
    assert titles() == ["later"]
