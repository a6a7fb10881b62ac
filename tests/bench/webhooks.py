"""Signed NOTIFY_START with a look-up over all contacts, durable, against a bare Flask route."""

import itertools
import random
import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from statistics import median
from urllib.parse import urlencode

from crm_app.telephony.zadarma.signing import sign_webhook
from tests.bench import load
from tests.bench.house import SECRET, House
from tests.bench.table import Table

RATE, CONNECTIONS = 50, 50
# The two sides of the ratio take turns, so that a busy moment of the machine falls on both.
ROUNDS = 4
SHARE, P99_MS = 0.2, 50.0


def start_maker(contacts: int, rounds: int = 60_000) -> Callable[[], bytes]:
    """Prepare many signed START requests of known and unknown callers, each a call of its own.

    More than one run sends: a signature that comes again with another call is written to the log.
    """
    start = datetime.now(tz=UTC).strftime("%Y-%m-%d %H:%M:%S")  # noqa: TID251
    random.seed(7)
    made = []
    for index in range(rounds):
        number = 910_000_000 + random.randint(1, contacts) if index % 5 else 960_000_000 + index
        fields = {
            "event": "NOTIFY_START",
            "call_start": start,
            "pbx_call_id": "in_" + "0" * 40,
            "caller_id": f"+351{number}",
            "called_did": "351210000001",
        }
        headers = {"Signature": sign_webhook(fields, SECRET)}
        made.append(load.post_form("/zadarma", urlencode(fields).encode(), headers))
    turns = itertools.cycle(made)

    def make() -> bytes:
        # The call id is not signed, so that each request can be a new call at no cost here.
        return next(turns).replace(b"in_" + b"0" * 40, b"in_" + secrets.token_hex(20).encode())

    return make


def hello() -> bytes:
    """Ask the bare route."""
    return load.get("/hello")


def measure(house: House, contacts: int, table: Table, seconds: float, of: str = "") -> None:
    """Print the webhook's latency at a steady rate and its share of the bare route flat out.

    `of` says in the table what is special about the office.
    """
    make = start_maker(contacts)
    before = house.count("call_fact")
    bare: list[load.Result] = []
    with house.serve_bare() as url, house.serve():
        runs = [load.run(house.url, make, connections=4, seconds=2)]
        steady = load.run(house.url, make, connections=8, seconds=seconds * 2, rate=RATE)
        load.run(url, hello, connections=4, seconds=1)
        for _ in range(ROUNDS):
            for address, request, results in ((url, hello, bare), (house.url, make, runs)):
                run = load.run(address, request, connections=CONNECTIONS, seconds=seconds / 2)
                results.append(run)
    runs.append(steady)
    flat = median(run.per_second for run in runs[1:-1])
    most = median(run.per_second for run in bare)
    acknowledged = sum(len(run.latencies) for run in runs)
    spooled = house.take_in_spool()
    stored = house.count("call_fact") - before
    name = f"NOTIFY_START, {contacts:,} contacts, {of + ', ' if of else ''}{house.engine}"
    table.row(f"bare Flask route, {house.engine} server", f"{most:,.0f} /s")
    table.row(f"{name}: p50 at {RATE}/s", f"{steady.percentile(0.5):.1f} ms")
    table.row(
        f"{name}: p99 at {RATE}/s", f"{steady.percentile(0.99):.1f} ms", f"< {P99_MS:.0f} ms",
        steady.percentile(0.99) < P99_MS and not steady.errors,
    )  # fmt: skip
    share = flat / most
    table.row(
        f"{name}: flat out at {CONNECTIONS} connections",
        f"{flat:,.0f} /s = {share:.2f} of bare", f">= {SHARE}", share >= SHARE,
    )  # fmt: skip
    errors = sum(run.errors for run in runs)
    table.row(f"{name}: errors", f"{errors}", "0", not errors)
    # What the database did not take in time waits in a file, and is routed by nobody.
    table.row(f"{name}: still in the spool at the end", f"{spooled:,}")
    table.row(
        f"{name}: facts on disk", f"{stored:,} of {acknowledged:,}", "all", stored >= acknowledged
    )
