"""A small load generator: keep-alive connections to one loopback server, latencies in seconds."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit


@dataclass
class Result:
    """What one run of load gave: latencies of the good answers, the count of the others."""

    latencies: list[float] = field(default_factory=list)
    errors: int = 0
    seconds: float = 0.0

    @property
    def per_second(self) -> float:
        """Good answers a second."""
        return len(self.latencies) / self.seconds if self.seconds else 0.0

    def percentile(self, share: float) -> float:
        """The latency that `share` (0..1) of the answers stayed under, in milliseconds."""
        ordered = sorted(self.latencies)
        if not ordered:
            return float("inf")
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000


async def _exchange(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes
) -> int:
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    status = int(head[9:12])
    length, chunked = 0, False
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            length = int(line[15:])
        chunked = chunked or line.startswith(b"transfer-encoding: chunked")
    if chunked:
        await reader.readuntil(b"0\r\n\r\n")
    elif length:
        await reader.readexactly(length)
    return status


async def _worker(
    address: tuple[str, int], make: Callable[[], bytes], result: Result, due: "Schedule"
) -> None:
    reader, writer = await asyncio.open_connection(*address, limit=2**22)
    try:
        while (start := await due.next()) is not None:
            try:
                status = await asyncio.wait_for(_exchange(reader, writer, make()), 30)
            except (OSError, asyncio.IncompleteReadError, TimeoutError):
                result.errors += 1
                writer.close()
                reader, writer = await asyncio.open_connection(*address, limit=2**22)
                continue
            if status < 400:
                result.latencies.append(time.perf_counter() - start)
            else:
                result.errors += 1
    finally:
        writer.close()


class Schedule:
    """When the next request is due: as fast as possible, or at a steady rate.

    At a rate, latency counts from the moment a request was due, so that a server that stalls
    cannot hide the requests which had to wait.
    """

    def __init__(self, seconds: float, rate: float = 0.0) -> None:
        self._rate = rate
        self._start = time.perf_counter()
        self._end = self._start + seconds
        self._count = 0

    async def next(self) -> float | None:
        """Wait until the next request is due and return that moment; None when time is up."""
        due = time.perf_counter()
        if self._rate:
            due = self._start + self._count / self._rate
            self._count += 1
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
        return None if due >= self._end else due


def run(
    url: str, make: Callable[[], bytes], *, connections: int, seconds: float, rate: float = 0.0
) -> Result:
    """Send what `make` returns over that many connections for that long; `rate` is per second."""
    parts = urlsplit(url)
    result = Result()

    async def all_of_them() -> None:
        schedule = Schedule(seconds, rate)
        address = (parts.hostname or "127.0.0.1", parts.port or 80)
        await asyncio.gather(
            *[_worker(address, make, result, schedule) for _ in range(connections)]
        )

    start = time.perf_counter()
    asyncio.run(all_of_them())
    result.seconds = time.perf_counter() - start
    return result


def get(
    path: str, host: str = "127.0.0.1", cookie: str = "", *, is_fragment: bool = False
) -> bytes:
    """Write a GET request, of a fragment as htmx does."""
    extra = f"Cookie: {cookie}\r\n" if cookie else ""
    extra += "HX-Request: true\r\n" if is_fragment else ""
    return f"GET {path} HTTP/1.1\r\nHost: {host}\r\nAccept: text/html\r\n{extra}\r\n".encode()


def post_form(path: str, body: bytes, headers: dict[str, str]) -> bytes:
    """Write a POST request with a form body."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{lines}"
        "Content-Type: application/x-www-form-urlencoded\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    ).encode() + body
