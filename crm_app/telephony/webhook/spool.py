"""A file for notifications that the database cannot store now; synced before acknowledging.

One file serves all processes of a data folder, so that the order of arrival is one for all of them.
Each line is a record: a mark (`-` waits, `+` was taken in), the checksum and the length of its
text, the text. They reveal a line cut off by a power failure, which is skipped; it was never
acknowledged.
"""

import fcntl
import os
import threading
import time
import zlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import structlog

from crm_app.errors import RamalError
from crm_app.telephony.webhook.arrivals import Arrival

# Some 400,000 notifications: a day's outage of a very busy office.
MOST_BYTES = 256 * 1024 * 1024
# Unverified notifications must not use up the space of verified ones.
MOST_DOUBTFUL_BYTES = 8 * 1024 * 1024
# Others hold the lock for one write only. Without it nothing is written.
_LOCK_SECONDS = 1.0
_LOOK_AGAIN_S = 0.0005
_WAITS, _TAKEN = b"-", b"+"
log = structlog.get_logger(__name__)


class SpoolError(RamalError):
    """The spool cannot be written; the message says why."""


@dataclass(frozen=True, slots=True)
class Record:
    """A waiting notification, and its position in the file."""

    position: int
    arrival: Arrival


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many notifications wait for the database, and since when."""

    records: int = 0
    oldest: datetime | None = None


class Spool:
    """The file in one folder; any number of processes may use it at once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = folder / "notifications"
        # Between threads waiting is fair, between processes it is not.
        self._turn = threading.Lock()

    def is_in_use(self) -> bool:
        """Whether something waits, so that new notifications must queue behind it."""
        # Called for every notification, so only one system call.
        return os.path.exists(self._path)

    def append(self, arrivals: Sequence[Arrival], why: str) -> None:
        """Append notifications; they are on disk when this returns; `why` is for the log.

        Raises SpoolError when not all of them could be written; then none is.
        """
        are_verified = all(arrival.is_verified for arrival in arrivals)
        data = b"".join(_line(arrival.to_json()) for arrival in arrivals)
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with self._turn, self._locked("lock"):
                is_first = not self.is_in_use()
                self._write(data, MOST_BYTES if are_verified else MOST_DOUBTFUL_BYTES)
                if is_first:
                    _sync_folder(self._folder)
        except OSError as error:
            raise SpoolError(error.strerror or type(error).__name__) from error
        if is_first:
            log.warning("spool_begun", why=why, note="notifications wait in a file")

    def waiting(self) -> Waiting:
        """Count what waits."""
        records, oldest = 0, None
        try:
            with self._path.open("rb") as file:
                for line in file:
                    if line[:1] != _WAITS:
                        continue
                    records += 1
                    if oldest is None and (arrival := _arrival_in(line)) is not None:
                        oldest = arrival.received_at
        except FileNotFoundError:
            return Waiting()
        return Waiting(records, oldest)

    @contextmanager
    def emptying(self) -> Iterator["Emptying | None"]:
        """Start emptying it; None when it is empty or another process is emptying it."""
        with ExitStack() as held:
            yield self._hold(held)

    def _hold(self, held: ExitStack) -> "Emptying | None":
        if not self.is_in_use():
            return None
        try:
            held.enter_context(self._locked("emptying", seconds=0))
            descriptor = os.open(self._path, os.O_RDWR | os.O_CLOEXEC)
        except (FileNotFoundError, BlockingIOError):
            return None
        held.callback(os.close, descriptor)
        return Emptying(self, descriptor)

    def _write(self, data: bytes, most_bytes: int) -> None:
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        descriptor = os.open(self._path, flags, 0o600)
        try:
            size = os.fstat(descriptor).st_size
            if size + len(data) > most_bytes:
                raise SpoolError("the spool is full")
            if size and os.pread(descriptor, 1, size - 1) != b"\n":
                # A process was killed in the middle of a line: start a new one.
                data = b"\n" + data
            try:
                if os.write(descriptor, data) < len(data):
                    raise SpoolError("the disk is full")
                os.fdatasync(descriptor)
            except BaseException:
                os.ftruncate(descriptor, size)
                raise
        finally:
            os.close(descriptor)

    def _finish(self, descriptor: int, position: int) -> bool:
        """Remove the file, unless something was appended after a position."""
        with self._turn, self._locked("lock"):
            if os.fstat(descriptor).st_size > position:
                return False
            self._path.unlink()
            return True

    @contextmanager
    def _locked(self, name: str, seconds: float = _LOCK_SECONDS) -> Iterator[None]:
        """Hold one of the spool's locks; raises BlockingIOError when it is not free in time."""
        descriptor = os.open(self._folder / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            deadline = time.monotonic() + seconds
            while True:
                try:
                    # A blocking lock call would stop everything else in this process.
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() >= deadline:
                        raise
                time.sleep(_LOOK_AGAIN_S)
            yield
        finally:
            os.close(descriptor)


class Emptying:
    """Reads the spool from its beginning; marked records are not returned again."""

    def __init__(self, spool: Spool, descriptor: int) -> None:
        self._spool = spool
        self._descriptor = descriptor
        self._position = 0

    def next(self, most: int) -> list[Record]:
        """Return the next records that wait; none when the end is reached."""
        found: list[Record] = []
        with open(os.dup(self._descriptor), "rb") as file:
            file.seek(self._position)
            while len(found) < most:
                line = file.readline()
                if not line.endswith(b"\n"):
                    break
                if line[:1] == _WAITS:
                    arrival = _arrival_in(line)
                    if arrival is None:
                        log.warning("spool_line_spoilt", position=self._position)
                    else:
                        found.append(Record(self._position, arrival))
                self._position += len(line)
        return found

    def mark(self, records: Sequence[Record]) -> None:
        """Mark records as stored."""
        for record in records:
            os.pwrite(self._descriptor, _TAKEN, record.position)

    def finish(self) -> bool:
        """Remove the spool when all of it is stored; False when more has arrived."""
        end = os.fstat(self._descriptor).st_size
        if end > self._position:
            last = os.pread(self._descriptor, 1, end - 1)
            # An unfinished line was left by a killed process, unless it is being written now: then
            # the file grows before we may remove it.
            if last == b"\n":
                return False
        return self._spool._finish(self._descriptor, end)


def _line(text: str) -> bytes:
    data = text.encode("ascii")
    return b"%s%08x %x %s\n" % (_WAITS, zlib.crc32(data), len(data), data)


def _arrival_in(line: bytes) -> Arrival | None:
    """Return the arrival in a line, None when the line is damaged."""
    head, _, rest = line[1:-1].partition(b" ")
    length, _, data = rest.partition(b" ")
    try:
        is_whole = int(head, 16) == zlib.crc32(data) and int(length, 16) == len(data)
        return Arrival.from_json(data.decode("ascii")) if is_whole else None
    except (ValueError, KeyError):
        return None


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
