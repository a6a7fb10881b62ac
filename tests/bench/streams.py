"""Idle agents' event streams: how many are held, what each costs, and what pages still cost."""

import itertools
import resource
import socket
import time

import redis

from tests.bench import load
from tests.bench.house import House, memory_kb, web_processes
from tests.bench.table import Table

STREAMS, KB_EACH, SLOWER = 5_000, 30.0, 2.0


def open_stream(port: int, cookie: str) -> socket.socket:
    """Open one event stream and read its first bytes."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=30)
    connection.sendall(
        f"GET /live HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: {cookie}\r\n"
        "Accept: text/event-stream\r\n\r\n".encode()
    )
    head = connection.recv(4096)
    assert head.startswith(b"HTTP/1.1 200"), head[:200]
    return connection


def pages(house: House, seconds: float) -> load.Result:
    """Load the contact list's rows as a few busy agents do.

    The whole page would offer all five thousand colleagues as a filter, as no office does.
    """
    cookies = itertools.cycle(house.cookies)
    return load.run(
        house.url, lambda: load.get("/contacts", cookie=next(cookies), is_fragment=True),
        connections=4, seconds=seconds, rate=20,
    )  # fmt: skip


def bus_connections(house: House) -> int:
    """Count the connections that the event bus serves as subscriptions."""
    address = house.app.extensions["settings"].bus_url
    listed = redis.Redis.from_url(address).client_list(_type="pubsub")
    return len(listed)


def measure(house: House, table: Table, seconds: float) -> None:
    """Print memory a stream, pages with and without streams, and the bus's subscriptions."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, STREAMS * 2 + 500)), hard))
    with house.serve() as supervisor:
        pages(house, 3)
        empty = pages(house, seconds)
        workers = web_processes(supervisor)
        before = sum(memory_kb(pid) for pid in workers)
        start = time.perf_counter()
        # Each of somebody else, as the channels of the bus are.
        streams = [open_stream(house.port, cookie) for cookie in house.cookies[:STREAMS]]
        opened = time.perf_counter() - start
        full = pages(house, seconds)
        after = sum(memory_kb(pid) for pid in workers)
        subscriptions = bus_connections(house)
        held = sum(1 for stream in streams if _is_open(stream))
        for stream in streams:
            stream.close()
    each = (after - before) / STREAMS
    table.row("idle streams opened", f"{STREAMS:,} in {opened:.1f} s")
    table.row("idle streams held", f"{held:,}", f"{STREAMS:,}", held == STREAMS)
    table.row("memory a stream", f"{each:.1f} KiB", f"< {KB_EACH:.0f} KiB", each < KB_EACH)
    table.row(
        "event bus subscriptions", f"{subscriptions} for {len(workers)} workers",
        "1 a worker", subscriptions == len(workers),
    )  # fmt: skip
    ratio = full.percentile(0.95) / empty.percentile(0.95)
    table.row(
        "contact list p95 without and with the streams",
        f"{empty.percentile(0.95):.0f} -> {full.percentile(0.95):.0f} ms ({ratio:.1f}x)",
        f"<= {SLOWER:.0f}x", ratio <= SLOWER and not full.errors,
    )  # fmt: skip
    table.row("memory a web process, before the streams", f"{before / len(workers) / 1024:.0f} MiB")


def _is_open(stream: socket.socket) -> bool:
    stream.setblocking(False)
    try:
        while stream.recv(65536):
            pass
    except BlockingIOError:
        return True
    return False
