"""The slowest answer to the PBX while something keeps the database or the bus busy."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator

from sqlalchemy import NullPool, create_engine

from tests.bench import load, webhooks
from tests.bench.house import House
from tests.bench.table import Table
from tests.postgres import Postgres
from tests.serving.posted import lock
from tests.serving.running import descendants
from tests.serving.test_busy import LARGE_TRANSACTION

RATE, CONNECTIONS = 20, 4
SLOWEST_MS = 300.0
# After the database is back, all that was acknowledged is in it.
TAKEN_IN_SECONDS = 10.0


def measure(
    house: House, contacts: int, server: Postgres | None, table: Table, seconds: float
) -> None:
    """Print the slowest answer in each condition, and whether every fact is on disk afterwards."""
    make = webhooks.start_maker(contacts)
    before = house.count("call_fact")
    acknowledged = 0
    with house.serve() as supervisor:
        load.run(house.url, make, connections=4, seconds=2, rate=RATE)
        before = house.count("call_fact")
        conditions = {
            "nothing else": contextlib.nullcontext(),
            "20 forms stall": forms_that_stall(house),
            "another process holds the lock": another_writer(house),
            "100,000 rows are committed": large_transaction(house),
            "Valkey hangs": standing_still(*bus_of(supervisor)),
        }
        if server:
            everything = (server.pid, *descendants(server.pid))
            conditions["the database hangs"] = standing_still(*everything)
        for name, condition in conditions.items():
            with condition:
                run = load.run(house.url, make, connections=CONNECTIONS, seconds=seconds, rate=RATE)
            slowest = run.percentile(1)
            acknowledged += len(run.latencies)
            table.row(
                f"slowest answer while {name}, {house.engine}", f"{slowest:.0f} ms",
                f"< {SLOWEST_MS:.0f} ms", slowest < SLOWEST_MS and not run.errors,
            )  # fmt: skip
        deadline = time.monotonic() + TAKEN_IN_SECONDS
        while (stored := house.count("call_fact") - before) < acknowledged:
            if time.monotonic() > deadline:
                break
            time.sleep(0.1)
    table.row(
        f"facts on disk afterwards, {house.engine}", f"{stored:,} of {acknowledged:,}", "all",
        stored == acknowledged,
    )  # fmt: skip


@contextlib.contextmanager
def forms_that_stall(house: House) -> Iterator[None]:
    """Signed-in agents send forms whose bodies stop in the middle."""
    with contextlib.ExitStack() as held:
        for number in range(20):
            stalled = held.enter_context(socket.create_connection(("127.0.0.1", house.port)))
            stalled.sendall(
                "POST /contacts/2/notes HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 5000\r\n"
                f"Cookie: {house.cookies[number]}\r\n"
                "Content-Type: application/x-www-form-urlencoded\r\n\r\ntext=".encode()
            )
        yield


@contextlib.contextmanager
def another_writer(house: House) -> Iterator[None]:
    """Somebody else writes and does not end."""
    with create_engine(house.database_url, poolclass=NullPool).connect() as other:
        lock(other)
        yield
        other.rollback()


@contextlib.contextmanager
def large_transaction(house: House) -> Iterator[None]:
    """Somebody else writes a hundred thousand rows and commits them."""
    command = [sys.executable, "-c", LARGE_TRANSACTION, house.database_url]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        yield


@contextlib.contextmanager
def standing_still(*pids: int) -> Iterator[None]:
    """Processes that neither answer nor hang up."""
    signal_all(pids, signal.SIGSTOP)
    try:
        yield
    finally:
        signal_all(pids, signal.SIGCONT)


def signal_all(pids: Iterable[int], number: int) -> None:
    """Send a signal to those that are still there: a database's helpers come and go."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def bus_of(supervisor: int) -> list[int]:
    """Find the embedded Valkey."""
    return [pid for pid, command in descendants(supervisor).items() if "valkey" in command]
