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
    """What the queue held is not one of our messages."""


class JsonSerializer(Serializer):  # type: ignore[misc]
    """Writes a job as `{"task": its name, "args": []}`, and reads only the names that are known.

    Huey's own serializer is pickle, by which anybody who can write into the bus runs code in the
    worker.
    """

    def __init__(self, huey_task: str, names: Collection[str]) -> None:
        """Know the task that does all jobs, and the names of the jobs."""
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
            # A newer Ramal on another machine may know more jobs than we do.
            raise RefusedMessageError("unknown task")
        return Message(None, self._huey_task, None, 0, 0, None, (name,), {})


class Queue(RedisHuey):  # type: ignore[misc]
    """Huey over Valkey, whose messages are JSON; anything else is dropped and logged."""

    def __init__(self, name: str, url: str, jobs: Collection[str], run: Callable[[str], None]):
        """Prepare; the bus is reached when the first job is queued or waited for.

        `jobs` are the names that are known; `run` does one of them.
        """
        super().__init__(name, url=url, results=False, utc=True)
        self.put_job = self.task(name="do")(run)
        task = self._registry.task_to_string(self.put_job.task_class)
        self.serializer = JsonSerializer(task, jobs)

    def deserialize_task(self, data: bytes) -> Any:
        """Read a message; give nothing when it is not one of ours."""
        try:
            return super().deserialize_task(data)
        except RefusedMessageError as error:
            log.warning("queue_message_dropped", why=str(error), length=len(data))
            return None

    def is_revoked(self, *_task: Any, **_how: Any) -> bool:
        """Return False: no task is ever revoked, and nothing else on the bus is read."""
        return False

    def read_schedule(self, *_when: Any) -> list[Any]:
        """Return nothing: late work is a row of the database."""
        return []
