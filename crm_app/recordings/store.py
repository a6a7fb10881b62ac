"""Where the sound files are: a folder or an S3-compatible store, by one address through fsspec."""

import asyncio
import contextlib
import errno
import os
import secrets
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

import fsspec
import structlog

# Of a store behind the network, read at once; a recording of ten minutes is about that long.
_PIECE_BYTES = 2 * 1024 * 1024
_FILE_PIECE_BYTES = 256 * 1024
_INCOMING = ".incoming"
_OLD_SECONDS = 24 * 3600
T = TypeVar("T")
log = structlog.get_logger(__name__)


class Store:
    """The files of one office under names such as `2026/11/42.mp3`.

    What the system or the store refuses comes as OSError, and so does that it is away; ENOSPC when
    the disk is full.
    """

    # Its own library would wait for minutes, and a listener or the lease of a job would not.
    answers_in_s, takes_in_s = 20.0, 300.0

    def __init__(self, url: str, data_dir: Path) -> None:
        """Read the address: `file:///folder`, or `s3://bucket/folder` and the like."""
        parts = urlsplit(url)
        self.is_folder = parts.scheme == "file"
        if self.is_folder:
            self._root = Path(unquote(parts.path))
            self._incoming = self._root / _INCOMING
        else:
            self._protocol = parts.scheme
            self._prefix = f"{parts.netloc}{parts.path}".rstrip("/")
            self._incoming = data_dir / _INCOMING

    def new_file(self, name: str) -> Path:
        """Return the path under which a file may be written before it is put in its place."""
        self._incoming.mkdir(mode=0o700, parents=True, exist_ok=True)
        return self._incoming / f"{secrets.token_hex(6)}-{Path(name).name}"

    def put(self, path: Path, name: str) -> None:
        """Move a file that was written to `new_file` into its place, whole or not at all."""
        if not self.is_folder:
            # An object appears in such a store only when all of it has arrived.
            self._ask(lambda store: store._put_file(str(path), self._key(name)), self.takes_in_s)
            path.unlink()
            return
        place = self._root / name
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with path.open("rb") as written:
            os.fsync(written.fileno())
        path.replace(place)

    def size(self, name: str) -> int:
        """Return how long a file is; raises FileNotFoundError."""
        if self.is_folder:
            return (self._root / name).stat().st_size
        return int(self._ask(lambda store: store._info(self._key(name)))["size"])

    def read(self, name: str, first: int, end: int) -> Iterator[bytes]:
        """Give the bytes from `first` up to `end`, in pieces."""
        if self.is_folder:
            with (self._root / name).open("rb") as file:
                file.seek(first)
                while first < end and (piece := file.read(min(_FILE_PIECE_BYTES, end - first))):
                    first += len(piece)
                    yield piece
            return
        for start in range(first, end, _PIECE_BYTES):
            yield self._piece(name, start, min(start + _PIECE_BYTES, end))

    def _piece(self, name: str, first: int, end: int) -> bytes:
        piece: bytes = self._ask(
            lambda store: store._cat_file(self._key(name), start=first, end=end)
        )
        return piece

    def delete(self, name: str) -> bool:
        """Delete a file; False when there was none."""
        try:
            if self.is_folder:
                (self._root / name).unlink()
            else:
                self.size(name)
                self._ask(lambda store: store._rm_file(self._key(name)))
        except FileNotFoundError:
            return False
        return True

    def forget_incoming(self) -> None:
        """Delete what was begun more than a day ago by somebody who did not end it."""
        for path in self._incoming.glob("*"):
            with contextlib.suppress(OSError):
                if path.stat().st_mtime < time.time() - _OLD_SECONDS:
                    path.unlink()

    def _key(self, name: str) -> str:
        return f"{self._prefix}/{name}"

    def _ask(self, question: Callable[[Any], Awaitable[T]], seconds: float | None = None) -> T:
        """Ask the store in an event loop of its own; raises OSError, also when it takes longer.

        Without `seconds` it is what an answer may take.

        The library's own way is one loop in one thread for all, which cannot be entered twice
        under gevent: there each question gets a real thread.
        """

        async def ask() -> T:
            store = fsspec.filesystem(self._protocol, asynchronous=True, skip_instance_cache=True)
            session = await store.set_session()
            try:
                return await question(store)
            finally:
                await session.close()

        def run() -> T:
            try:
                return asyncio.run(asyncio.wait_for(ask(), seconds or self.answers_in_s))
            except OSError:
                raise
            except Exception as error:
                # Each kind of store has its own libraries, and they their own errors.
                log.warning("store of recordings does not answer", error=type(error).__name__)
                raise OSError(errno.EIO, type(error).__name__) from error

        monkey = sys.modules.get("gevent.monkey")
        if monkey is not None and monkey.is_module_patched("threading"):
            import gevent

            answer: T = gevent.get_hub().threadpool.apply(run)
            return answer
        return run()
