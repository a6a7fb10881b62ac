"""A relay between browser and server that counts what is asked, whoever in the browser asks it."""

import socket
import threading
from collections import Counter
from contextlib import suppress
from types import TracebackType
from typing import Self

CHUNK = 65_536


class Relay:
    """Passes connections on to a port of the loopback; `asked` counts requests by their path.

    The browser's own tools do not see what a shared worker asks. With `path`, the relay serves
    only what is below it, and takes it off as some proxies do.
    """

    def __init__(self, port: int, path: str = "") -> None:
        self._path = path.encode()
        self.asked: Counter[str] = Counter()
        self._upstream = port
        self._door = socket.create_server(("127.0.0.1", 0), backlog=100)
        self.port = int(self._door.getsockname()[1])

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._door.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _address = self._door.accept()
                try:
                    far = socket.create_connection(("127.0.0.1", self._upstream))
                except OSError:
                    near.close()
                    continue
                threading.Thread(target=self._ask, args=(near, far), daemon=True).start()
                threading.Thread(target=_copy, args=(far, near), daemon=True).start()

    def _ask(self, near: socket.socket, far: socket.socket) -> None:
        with suppress(OSError), near, far:
            while chunk := near.recv(CHUNK):
                # A browser sends the head of a request in one piece, and one request at a time.
                if chunk.startswith((b"GET ", b"POST ")):
                    asked = chunk.split(b" ", 2)[1]
                    self.asked[asked.decode()] += 1
                    if not asked.startswith(self._path):
                        return
                    chunk = chunk.replace(asked, asked.removeprefix(self._path) or b"/", 1)
                far.sendall(chunk)
            far.shutdown(socket.SHUT_RDWR)


def _copy(far: socket.socket, near: socket.socket) -> None:
    with suppress(OSError):
        while chunk := far.recv(CHUNK):
            near.sendall(chunk)
        near.shutdown(socket.SHUT_RDWR)
