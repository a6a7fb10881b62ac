"""The queue that wakes the worker: names of tasks as JSON, and nothing else."""

import json
from collections.abc import Callable, Collection
from typing import Any

import structlog
from huey import RedisHuey
from huey.registry import Message
from huey.serializer import Serializer

log = structlog.get_logger(__name__)

LONGEST_MESSAGE = 1024


class RefusedMessageError(Exception):
    """The queue held something that is not one of our messages."""


class JsonSerializer(Serializer):  # type: ignore[misc]
    """Writes a job as `{"task": its name, "args": []}`, and reads only the names that are known.

    Huey's own serializer is pickle, which would let anybody who can write to the bus run code in
    the worker.
    """

    def __init__(self, huey_task: str, names: Collection[str]) -> None:
        """Take the task that runs all jobs, and the names of the jobs."""
        super().__init__()
        self._huey_task = huey_task
        self._names = frozenset(names)

    def _serialize(self, data: Message) -> bytes:
        (name,) = data.args
        return json.dumps({"task": name, "args": []}).encode()

    def _deserialize(self, data: bytes) -> Message:
        if len(data) > LONGEST_MESSAGE:
            raise RefusedMessageError("too long")
        try:
            read = json.loads(data)
        except (ValueError, RecursionError):
            raise RefusedMessageError("not JSON") from None
        if not isinstance(read, dict) or set(read) != {"task", "args"} or read["args"] != []:
            raise RefusedMessageError("another form")
        name = read["task"]
        if not isinstance(name, str) or name not in self._names:
            # A newer Ramal on another machine may know jobs that this one does not.
            raise RefusedMessageError("unknown task")
        return Message(None, self._huey_task, None, 0, 0, None, (name,), {})


class Queue(RedisHuey):  # type: ignore[misc]
    """Huey on Valkey with JSON messages; anything else is dropped and logged."""

    def __init__(self, name: str, url: str, jobs: Collection[str], run: Callable[[str], None]):
        """Prepare; the bus is contacted when the first job is queued or awaited.

        `jobs` are the known names; `run` performs one of them.
        """
        super().__init__(name, url=url, results=False, utc=True)
        self.put_job = self.task(name="do")(run)
        task = self._registry.task_to_string(self.put_job.task_class)
        self.serializer = JsonSerializer(task, jobs)

    def deserialize_task(self, data: bytes) -> Any:
        """Read a message; None when it is not one of ours."""
        try:
            return super().deserialize_task(data)
        except RefusedMessageError as error:
            log.warning("queue_message_dropped", why=str(error), length=len(data))
            return None

    def is_revoked(self, *_task: Any, **_how: Any) -> bool:
        """Return False: tasks are never revoked, and this saves reading the bus."""
        return False

    def read_schedule(self, *_when: Any) -> list[Any]:
        """Return nothing: delayed jobs are rows of the database."""
        return []
