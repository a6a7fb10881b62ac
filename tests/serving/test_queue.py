"""The queue carries names of jobs as JSON; whatever else lies in it is dropped, never executed."""

import json
import os
import pickle
from pathlib import Path
from uuid import uuid4

import pytest
import redis

from crm_app.serving.queue import Queue, RefusedMessageError


class Trap:
    """What runs code when it is unpickled."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (f"touch {self.file}",)


@pytest.fixture
def done() -> list[str]:
    """The names of the jobs that were done."""
    return []


@pytest.fixture
def queue(bus_url: str, done: list[str]) -> Queue:
    """A queue of its own on the real bus, which knows two jobs."""
    return Queue(f"test-{uuid4().hex}", bus_url, ("sweep", "purge"), done.append)


@pytest.fixture
def bus(bus_url: str) -> redis.Redis:
    """A client that can write whatever it wants into the bus."""
    return redis.Redis.from_url(bus_url)


def run_all(queue: Queue) -> None:
    """Do what a worker's thread does, until nothing is left."""
    while len(queue):
        task = queue.dequeue()
        if task is not None:
            queue.execute(task)


def test_a_job_travels_as_its_name(queue: Queue, bus: redis.Redis, done: list[str]) -> None:
    queue.put_job("sweep")
    lying = bus.lrange(queue.storage.queue_key, 0, -1)
    assert [json.loads(message) for message in lying] == [{"task": "sweep", "args": []}]
    run_all(queue)
    assert done == ["sweep"]


def test_a_pickle_is_dropped_and_logged(
    queue: Queue, bus: redis.Redis, done: list[str], tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    trap = pickle.dumps(Trap(tmp_path / "ran"))
    task = queue.put_job.task_class(("sweep",))
    huey_task = pickle.dumps(queue._registry.create_message(task))
    for message in (trap, huey_task):
        bus.lpush(queue.storage.queue_key, message)
    queue.put_job("purge")
    run_all(queue)
    assert done == ["purge"]
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"\x80\x04",
        b"null",
        b"[]",
        b'"sweep"',
        b"{}",
        b'{"task": "sweep"}',
        b'{"task": "os.system", "args": ["id"]}',
        b'{"task": "sweep", "args": ["id"]}',
        b'{"task": "sweep", "args": {}}',
        b'{"task": "sweep", "args": null}',
        b'{"task": ["sweep"], "args": []}',
        b'{"task": {"a": 1}, "args": []}',
        b'{"task": "sweep", "args": [], "on_complete": "purge"}',
        b"[" * 100_000,
        b'{"task": "sweep", "args": []}' + b" " * 2_000,
        '{"task": "swéep", "args": []}'.encode("utf-16"),
    ],
)
def test_what_is_no_job_of_ours_is_dropped(
    queue: Queue, bus: redis.Redis, done: list[str], message: bytes
) -> None:
    bus.lpush(queue.storage.queue_key, message)
    queue.put_job("purge")
    run_all(queue)
    assert done == ["purge"]
    with pytest.raises(RefusedMessageError):
        queue.serializer.deserialize(message)


def test_nothing_else_on_the_bus_is_unpickled_either(
    queue: Queue, bus: redis.Redis, done: list[str], tmp_path: Path
) -> None:
    trap = pickle.dumps(Trap(tmp_path / "ran"))
    task = queue.put_job.task_class
    bus.hset(queue.storage.result_key, f"rt:{queue._registry.task_to_string(task)}", trap)
    bus.zadd(queue.storage.schedule_key, {trap: 0})
    queue.put_job("sweep")
    assert queue.read_schedule() == []
    run_all(queue)
    assert done == ["sweep"]
    assert not (tmp_path / "ran").exists()
