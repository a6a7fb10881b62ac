"""Runs the benchmarks and prints one table; exits with 1 when a promised figure was missed."""

import argparse

from tests.bench import (
    board,
    busy,
    callbacks,
    lists,
    popups,
    reconcile,
    reports,
    rules,
    streams,
    webhooks,
)
from tests.bench.house import House
from tests.bench.table import Table
from tests.postgres import Postgres

PARTS = (
    "webhook",
    "rules",
    "busy",
    "popup",
    "streams",
    "reconcile",
    "lists",
    "reports",
    "callbacks",
    "board",
)


def main() -> int:
    """Run the chosen parts on the chosen engines."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--only", choices=PARTS, action="append")
    parser.add_argument("--engine", choices=("sqlite", "postgresql"), action="append")
    parser.add_argument("--contacts", type=int, default=1_000_000)
    parser.add_argument("--calls", type=int, default=1_000_000)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=10.0)
    chosen = parser.parse_args()
    table = Table()
    for engine in chosen.engine or ("sqlite", "postgresql"):
        server = Postgres(is_durable=True) if engine == "postgresql" else None
        parts = chosen.only or PARTS
        many = House(engine, chosen.contacts, server)
        try:
            measure(engine, parts, many, server, table, chosen)
            measure_apart(engine, parts, server, table)
        finally:
            many.close()
            if server:
                server.stop()
    print(f"\n{table.failed} of the promised figures were missed")
    return 1 if table.failed else 0


def measure(
    engine: str,
    parts: tuple[str, ...],
    many: House,
    server: Postgres | None,
    table: Table,
    chosen: argparse.Namespace,
) -> None:
    """Run the parts on one engine."""
    if "webhook" in parts:
        table.title(f"The webhook, {engine}")
        webhooks.measure(many, chosen.contacts, table, chosen.seconds)
    if "rules" in parts:
        table.title(f"The webhook with all rules on, {engine}")
        rules.measure(many, chosen.contacts, table, chosen.seconds)
    if "busy" in parts:
        table.title(f"While something else is busy, {engine}")
        busy.measure(many, chosen.contacts, server, table, min(chosen.seconds, 5.0))
    if "popup" in parts:
        table.title(f"The pop-up, {engine}")
        popups.measure(many, table)
    if "streams" in parts:
        table.title(f"Idle agents, {engine}")
        crowd = House(engine, 10_000, server, users=streams.STREAMS)
        streams.measure(crowd, table, chosen.seconds)
        crowd.close()
    if "reconcile" in parts:
        table.title(f"Reconciliation, {engine}")
        reconcile.measure(many, table, chosen.calls, chosen.rows)
    if "callbacks" in parts:
        table.title(f"Call-backs among a million calls, {engine}")
        callbacks.measure(many, table)
    if "lists" in parts:
        table.title(f"Lists and search, 10,000 -> {chosen.contacts:,} contacts, {engine}")
        few = House(engine, 10_000, server)
        lists.measure(many, few, table)
        few.close()


def measure_apart(
    engine: str, parts: tuple[str, ...], server: Postgres | None, table: Table
) -> None:
    """Run the parts that want an office of their own."""
    for part, title, contacts, run in (
        ("reports", "Reports", 1_000, reports.measure),
        ("board", "The board", board.CONTACTS, board.measure),
    ):
        if part in parts:
            table.title(f"{title}, {engine}")
            own = House(engine, contacts, server)
            run(own, table)
            own.close()


if __name__ == "__main__":
    raise SystemExit(main())
