"""Counts refusals in memory and writes them to the database after the responses are sent."""

import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import Connection, Engine, insert, update

from crm_app import clock, database
from crm_app.security.addresses import network_of
from crm_app.security.kinds import ONLY_COUNTED, Kind
from crm_app.security.models import SecurityCount, SecurityEvent

# At most one transaction in this time, however much is refused.
WRITES_EVERY_SECONDS = 2.0
WAITS_AT_MOST_SECONDS = 60.0
# Limits of rows per kind: beyond them, a flood from many places shares one row, "others".
KEYS_A_MINUTE = 20
KEYS_AN_HOUR = 200
MOST_WAITING = 5_000
OTHERS = "others"
log = structlog.get_logger(__name__)
_own_log = structlog.get_logger("ramal.security")


@dataclass(frozen=True, slots=True)
class Sighting:
    """One refusal or event as it was seen; the ids are users'."""

    kind: Kind
    user_id: int | None = None
    about_id: int | None = None
    address: str = ""
    request_id: str = ""
    detail: str = ""

    def as_told(self) -> dict[str, Any]:
        """Return the fields for the log, without the empty ones."""
        fields = {"by": self.user_id, "about": self.about_id, "address": self.address}
        return {name: value for name, value in (fields | {"detail": self.detail}).items() if value}


@dataclass(slots=True)
class _Line:
    """A row to be written: the first sighting of its kind within a minute, and the count."""

    seen: Sighting
    at: datetime
    last_at: datetime
    unwritten: int = 0
    row_id: int | None = None


@dataclass(slots=True)
class _Batch:
    """What one transaction writes."""

    lines: list[tuple[_Line, int]] = field(default_factory=list)
    counts: Counter[Kind] = field(default_factory=Counter)


class RefusalWriter:
    """Counts refusals in memory and writes them in a thread of its own, for one process.

    So a refusal never waits for the database, and a flood cannot occupy its write lock.
    """

    # Not where somebody else says when: see `write`.
    writes_by_itself = True

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._changed = threading.Condition()
        self._writing = threading.Lock()
        self._lines: dict[tuple[object, ...], _Line] = {}
        self._counts: Counter[Kind] = Counter()
        self._keys_of_hour: Counter[tuple[Kind, int]] = Counter()
        self._keys_of_minute: Counter[tuple[Kind, int]] = Counter()
        self._thread: threading.Thread | None = None

    def add(self, seen: Sighting) -> None:
        """Count one refusal; it is in the database a few seconds later."""
        now = clock.now()
        with self._changed:
            if seen.kind in ONLY_COUNTED:
                self._counts[seen.kind] += 1
                is_first = False
            else:
                line, is_first = self._line_for(seen, now)
                line.unwritten += 1
                line.last_at = now
            self._wake()
        if is_first:
            # Further ones within the minute only raise the count.
            _own_log.warning(str(seen.kind), **seen.as_told())

    def write(self) -> None:
        """Write what is waiting; when the database raises, everything is kept for the next try."""
        with self._writing:
            batch = self._take()
            database.set_reads_only(False)
            try:
                with self._engine.begin() as connection:
                    ids = [_write_line(connection, *one) for one in batch.lines]
                    for kind, count in sorted(batch.counts.items()):
                        _write_count(connection, kind, count)
            except BaseException:
                self._give_back(batch)
                raise
            for (line, _count), row_id in zip(batch.lines, ids, strict=True):
                line.row_id = row_id
            self._forget_the_past()

    def forget(self) -> None:
        """Drop everything that is not written yet."""
        with self._writing, self._changed:
            for kept in (self._lines, self._counts, self._keys_of_hour, self._keys_of_minute):
                kept.clear()

    def _line_for(self, seen: Sighting, now: datetime) -> tuple[_Line, bool]:
        minute = int(now.timestamp()) // 60
        key = _key(seen, minute)
        if key not in self._lines and self._is_flooded(seen.kind, minute):
            seen = Sighting(seen.kind, request_id=seen.request_id, detail=OTHERS)
            key = _key(seen, minute)
        if key in self._lines:
            return self._lines[key], False
        if len(self._lines) >= MOST_WAITING:
            del self._lines[next(iter(self._lines))]
        line = self._lines[key] = _Line(seen, now, now)
        return line, True

    def _is_flooded(self, kind: Kind, minute: int) -> bool:
        of_minute, of_hour = (kind, minute), (kind, minute // 60)
        if (
            self._keys_of_minute[of_minute] >= KEYS_A_MINUTE
            or self._keys_of_hour[of_hour] >= KEYS_AN_HOUR
        ):
            return True
        self._keys_of_minute[of_minute] += 1
        self._keys_of_hour[of_hour] += 1
        return False

    def _take(self) -> _Batch:
        with self._changed:
            batch = _Batch(counts=self._counts)
            self._counts = Counter()
            for line in self._lines.values():
                if line.unwritten:
                    batch.lines.append((line, line.unwritten))
                    line.unwritten = 0
        return batch

    def _give_back(self, batch: _Batch) -> None:
        with self._changed:
            self._counts.update(batch.counts)
            for line, count in batch.lines:
                line.unwritten += count

    def _forget_the_past(self) -> None:
        minute = int(clock.now().timestamp()) // 60
        with self._changed:
            for key, line in list(self._lines.items()):
                if not line.unwritten and int(line.at.timestamp()) // 60 != minute:
                    del self._lines[key]
            for counter, present in (
                (self._keys_of_minute, minute),
                (self._keys_of_hour, minute // 60),
            ):
                for of in [of for of in counter if of[1] != present]:
                    del counter[of]

    def _wake(self) -> None:
        if not self.writes_by_itself:
            return
        # Not started yet, or it stayed in the process that this one was forked from.
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._run, daemon=True, name="security")
            self._thread.start()
        self._changed.notify_all()

    def _run(self) -> None:
        # A gevent thread inherits the log context of the request that started it.
        structlog.contextvars.clear_contextvars()
        wait = WRITES_EVERY_SECONDS
        while True:
            with self._changed:
                self._changed.wait_for(self._has_news)
            time.sleep(wait)
            try:
                self.write()
                wait = WRITES_EVERY_SECONDS
            except Exception as error:
                # The outermost level of the thread: keep what is waiting, and try again.
                wait = min(wait * 2, WAITS_AT_MOST_SECONDS)
                log.warning("security events wait", error=type(error).__name__, seconds=wait)

    def _has_news(self) -> bool:
        return bool(self._counts) or any(line.unwritten for line in self._lines.values())


def _key(seen: Sighting, minute: int) -> tuple[object, ...]:
    network = network_of(seen.address)
    return (seen.kind, seen.user_id, seen.about_id, network, seen.detail, minute)


def _write_line(connection: Connection, line: _Line, count: int) -> int:
    if line.row_id is not None:
        connection.execute(
            update(SecurityEvent)
            .where(SecurityEvent.id == line.row_id)
            .values(count=SecurityEvent.count + count, last_at=line.last_at)
        )
        return line.row_id
    row = insert(SecurityEvent).values(
        kind=line.seen.kind,
        at=line.at,
        last_at=line.last_at,
        count=count,
        user_id=line.seen.user_id,
        about_id=line.seen.about_id,
        address=line.seen.address,
        request_id=line.seen.request_id,
        detail=line.seen.detail,
    )
    return int(connection.execute(row.returning(SecurityEvent.id)).scalar_one())


def _write_count(connection: Connection, kind: Kind, count: int) -> None:
    grown = connection.execute(
        update(SecurityCount)
        .where(SecurityCount.kind == kind)
        .values(total=SecurityCount.total + count)
    )
    if not grown.rowcount:
        connection.execute(insert(SecurityCount).values(kind=kind, total=count))
