"""Reconciliation of many rows into a large log: rows per second, memory of who does it, pages.

The API's pace of three pages a minute is left out: what is measured is our own work.
"""

import statistics
import subprocess
import sys
import time
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import text

from crm_app.simulator import Simulator
from crm_app.simulator.history import Row
from tests.bench.house import KEY, ROOT, SECRET, House
from tests.bench.table import Table

MOST_MEMORY_MB = 150.0
SLOWEST_PAGE_MS = 1000.0
LEGS = 2
DAYS = 27


def measure(house: House, table: Table, calls: int, rows: int) -> None:
    """Print how quickly rows become calls, with what memory, and how pages fare meanwhile."""
    fill(house, calls)
    with Simulator(KEY, SECRET) as pbx:
        pbx.history.add(made_up(rows))
        # How many pages a minute the PBX allows is not ours to measure.
        pbx.api._statistics.limit = pbx.api._all.limit = 1_000_000
        environment = house.environment | {"ZADARMA_API_URL": pbx.url}
        with house.serve():
            began = time.monotonic()
            worker = subprocess.Popen(
                [sys.executable, "-m", "tests.bench.reconcile"],
                cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True,
            )  # fmt: skip
            waits = []
            while worker.poll() is None:
                waits.append(page(house))
                time.sleep(0.5)
            spent = time.monotonic() - began
    assert worker.stdout is not None
    memory, added = worker.stdout.read().split()
    grown = float(memory)
    table.row(
        f"rows reconciled into {calls:,} calls, {house.engine}", f"{rows / spent:,.0f} a second"
    )
    table.row(
        f"memory of the process that does it, {house.engine}", f"+{grown:.0f} MB",
        f"< {MOST_MEMORY_MB:.0f} MB", grown < MOST_MEMORY_MB,
    )  # fmt: skip
    table.row(
        f"calls added, {house.engine}", f"{int(added):,}", f"{rows // LEGS:,}",
        int(added) == rows // LEGS,
    )  # fmt: skip
    table.row(
        f"list of calls meanwhile, median, {house.engine}", f"{statistics.median(waits):.0f} ms",
        f"< {SLOWEST_PAGE_MS:.0f} ms", statistics.median(waits) < SLOWEST_PAGE_MS,
    )  # fmt: skip


def page(house: House) -> float:
    """Open the list of calls and give its time in milliseconds."""
    request = urllib.request.Request(  # noqa: S310 (our own server)
        f"{house.url}/calls", headers={"Cookie": house.cookies[0]}
    )
    began = time.monotonic()
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
        answer.read()
    return 1000 * (time.monotonic() - began)


def fill(house: House, calls: int) -> None:
    """Put calls with the contacts into the log, spread over the last year."""
    from crm_app.extensions import db

    is_sqlite = house.engine == "sqlite"
    ago = (
        "strftime('%Y-%m-%d %H:%M:%S.000000', 'now', '-' || (c.id % 525600) || ' minutes')"
        if is_sqlite
        else "now() - (c.id % 525600) * interval '1 minute'"
    )
    no = "0" if is_sqlite else "false"
    statement = (
        "INSERT INTO call (pbx_call_id, direction, phase, status, disposition, disposition_raw,"
        " is_own_leg, outside_number, outside_name, did, started_at, ended_at, talk_seconds,"
        " answered_by_extension, placed_by_extension, recording_count, contact_id,"
        " contact_is_chosen, responsible_id, updated_at)"
        f" SELECT 'in_bench' || c.id, 'inbound', 'ended', 'answered', 'answered', '', {no},"
        f" '+351' || (910000000 + c.id), '', '', {ago}, {ago}, 60, '101', '', 0, c.id, {no},"
        f" c.responsible_id, {ago} FROM contact c WHERE c.id <= :calls"
    )
    with house.app.app_context(), db.engine.begin() as connection:
        connection.execute(text(statement), {"calls": calls})
    with house.app.app_context():
        db.engine.dispose()


def made_up(count: int) -> list[Row]:
    """Make rows of calls of the last month, each with a phone that rang in vain."""
    now = datetime.now(UTC).replace(microsecond=0)  # noqa: TID251
    step = timedelta(days=DAYS) / (count // LEGS)
    rows = []
    for number in range(count // LEGS):
        began = now - timedelta(days=DAYS) + number * step
        base = {
            "callstart": began.strftime("%Y-%m-%d %H:%M:%S"),
            "clid": f"351{910000000 + number % 900000}",
            "destination": "351210000001",
            "pbx_call_id": f"in_{number:040x}",
        }
        root = {"call_id": f"{1772000000 + number}.1", "sip": "101", "disposition": "answered"}
        leg = {"call_id": "", "sip": "102", "disposition": "cancel", "seconds": 0}
        rows.append(Row(began, base | root | {"seconds": 30, "is_recorded": "false"}))
        rows.append(Row(began, base | leg | {"is_recorded": "false"}))
    return rows


def work() -> None:
    """Load the history as the worker does, and print the memory it took and the calls it added."""
    from crm_app import config, create_app, database
    from crm_app.extensions import db
    from crm_app.telephony import connection
    from crm_app.telephony.reconciliation import asking, history
    from crm_app.telephony.reconciliation.models import HistoryLoad

    connection._take = lambda *_: True
    app = create_app(config.load())
    with app.app_context():
        database.spare_memory(db.engine)
        history.start(1, None, by_worker=False)
        db.session.commit()
        before = memory_mb()
        client = asking.new_client()
        while (following := history.next_step()) is not None:
            db.session.rollback()
            history.perform({}, history.fetch_step(following, client))
            db.session.commit()
            time.sleep(0.01)
        load = db.session.get_one(HistoryLoad, 1)
        print(memory_mb() - before, load.added)


def memory_mb() -> float:
    """Tell the most memory that this process has had since it was started."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("the system does not tell the memory of a process")


if __name__ == "__main__":
    work()
