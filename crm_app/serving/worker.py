"""`flask worker`: does the jobs that come back on their own, fed through the event bus."""

import logging
import threading
import time
from types import FrameType

import structlog
from flask import Flask
from redis.exceptions import RedisError

from crm_app.config import Config
from crm_app.serving import advice, jobs
from crm_app.serving.jobs import Job
from crm_app.serving.processes import signals
from crm_app.serving.queue import Queue

log = structlog.get_logger(__name__)

QUEUE = "ramal"
THREADS = 2
TICK_SECONDS = 0.5
END_SECONDS = 1.5
HUEYS_LOGGERS = ("huey", "huey.consumer", "huey.consumer.Worker", "huey.consumer.Scheduler")


class _BusIsAway(logging.Filter):
    """Drops what Huey writes, several times in a second, while the bus is away: we say it once."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let through what has another reason."""
        return not (record.exc_info and isinstance(record.exc_info[1], RedisError | OSError))


class Worker:
    """Queues what is due and runs what is queued; several may share the work of one office.

    Late work is a row with a due time in the database. The queue only says "look now", so a queue
    that is lost loses nothing.
    """

    def __init__(self, app: Flask, settings: Config, all_jobs: tuple[Job, ...]) -> None:
        """Prepare the jobs for one application."""
        self._settings = settings
        self._jobs = {job.name: job for job in all_jobs}
        self._app = app
        self._end = threading.Event()
        self._is_bus_lost = False
        queue = Queue(QUEUE, settings.bus_url, self._jobs, self._run)
        self._put_job = queue.put_job
        self._consumer = queue.create_consumer(
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
        # By itself, for the bus may be away at the same time as the database was.
        self._app.extensions["telephony_desk"].drainer.watch()
        signals.when_asked_to_end(self._note_signal)
        next_health_check = time.monotonic()
        while not self._end.wait(TICK_SECONDS):
            self._queue_due()
            if time.monotonic() >= next_health_check:
                self._consumer.check_worker_health()
                next_health_check = time.monotonic() + 5
        self._consumer.stop()
        deadline = time.monotonic() + END_SECONDS
        for _, thread in self._consumer.worker_threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _queue_due(self) -> None:
        try:
            for job in self._jobs.values():
                if jobs.claim(job):
                    self._put_job(job.name)
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
        with self._app.app_context():
            jobs.run(self._jobs[name])

    def _note_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._end.set()
