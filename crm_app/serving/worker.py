"""`flask worker`: performs the jobs that are due, woken through the event bus."""

import logging
import threading
import time
from collections.abc import Iterable
from types import FrameType

import structlog
from flask import Flask
from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from crm_app.config import Config
from crm_app.database import DatabaseBusyError
from crm_app.health.services import HEARTBEAT_SECONDS, beat
from crm_app.jobs.runner import Kind, Runner
from crm_app.serving import advice
from crm_app.serving.processes import signals
from crm_app.serving.queue import Queue

log = structlog.get_logger(__name__)

QUEUE = "ramal"
HEARTBEAT, WORK = "heartbeat", "work"
THREADS = 2
# Further messages would only pile up while the threads hang.
MOST_QUEUED = 10
TICK_SECONDS = 0.5
# After this time a thread returns to the queue, so that heartbeats do not wait behind many jobs.
TURN_SECONDS = 2.0
END_SECONDS = 1.5
HUEYS_LOGGERS = ("huey", "huey.consumer", "huey.consumer.Worker", "huey.consumer.Scheduler")


class _BusIsAway(logging.Filter):
    """Drops the log lines that Huey repeats while the bus is down: we log it once."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Pass log lines with any other cause."""
        return not (record.exc_info and isinstance(record.exc_info[1], RedisError | OSError))


class Worker:
    """Wakes the runner when there may be jobs; several workers share an office's jobs.

    A delayed job is a row with a due time in the database. The queue only says "look now", so
    nothing is lost with the queue.
    """

    def __init__(self, app: Flask, settings: Config, kinds: Iterable[Kind]) -> None:
        """Prepare the jobs for one application."""
        self._settings = settings
        self._runner = Runner(kinds)
        self._app = app
        self._end = threading.Event()
        self._is_armed = self._is_bus_lost = self._is_database_lost = False
        self._queue = Queue(QUEUE, settings.bus_url, (HEARTBEAT, WORK), self._run)
        self._consumer = self._queue.create_consumer(
            workers=THREADS, periodic=False, check_worker_health=True, health_check_interval=5
        )
        logging.getLogger("huey").setLevel(logging.WARNING)
        for name in HUEYS_LOGGERS:
            logging.getLogger(name).addFilter(_BusIsAway())

    def run(self) -> None:
        """Work until SIGTERM or SIGINT comes; a job then has a second and a half to finish."""
        for sentence in advice.all_of(self._settings):
            log.warning("unwise_setting", says=sentence)
        self._consumer.start()
        # Started separately, because the bus may be down together with the database.
        self._app.extensions["webhook_receiver"].drainer.watch()
        signals.when_asked_to_end(self._note_signal)
        next_heartbeat = time.monotonic()
        while not self._end.wait(TICK_SECONDS):
            self._put(WORK)
            if time.monotonic() >= next_heartbeat:
                # Through the queue, so that it stops when the threads hang.
                self._put(HEARTBEAT)
                self._consumer.check_worker_health()
                next_heartbeat = time.monotonic() + HEARTBEAT_SECONDS
        self._consumer.stop()
        deadline = time.monotonic() + END_SECONDS
        for _, thread in self._consumer.worker_threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _put(self, name: str) -> None:
        try:
            waiting = len(self._queue)
            if waiting == 0 or (name == HEARTBEAT and waiting < MOST_QUEUED):
                self._queue.put_job(name)
        except (RedisError, OSError) as error:
            if not self._is_bus_lost:
                log.error("bus_lost", error=type(error).__name__, what_to_do=self._what_to_do())
            self._is_bus_lost = True
        else:
            if self._is_bus_lost:
                log.info("bus_back")
            self._is_bus_lost = False

    def _what_to_do(self) -> str:
        if self._settings.embeds_valkey:
            return (
                f"nobody serves {self._settings.bus_socket}: start `flask serve` on the same "
                "DATA_DIR, or name your own Valkey or Redis in REDIS_URL"
            )
        return "start the Valkey or Redis that REDIS_URL names, or correct the address"

    def _run(self, name: str) -> None:
        if name == HEARTBEAT:
            beat()
            return
        try:
            with self._app.app_context():
                self._work()
        except (SQLAlchemyError, DatabaseBusyError) as error:
            if not self._is_database_lost:
                log.error("database_lost", error=type(error).__name__)
            self._is_database_lost = True
        else:
            if self._is_database_lost:
                log.info("database_back")
            self._is_database_lost = False

    def _work(self) -> None:
        if not self._is_armed:
            self._runner.arm()
            self._is_armed = True
        deadline = time.monotonic() + TURN_SECONDS
        self._runner.work(lambda: self._end.is_set() or time.monotonic() > deadline)

    def _note_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._end.set()
