"""The contact list and search with many contacts against few, inside one process."""

import functools
import statistics
import time
from collections.abc import Callable

from crm_app.calls.models import Call
from crm_app.extensions import db
from crm_app.paging import PAGE_SIZE, _encode
from tests.bench import data
from tests.bench.house import House
from tests.bench.table import Table

ADDRESSES = {
    "contact list": "/contacts",
    "contact list, search full word": "/contacts?q=henriques",
    "contact list, search two words": "/contacts?q=joao+silva",
    "contact list, search 6 digits": "/contacts?q=910004",
    "search box, part of a name": "/search?q=henriq",
    "search box, 9 digits": "/search?q=910004242",
    "search box, nothing found": "/search?q=qqxyzzy",
}
# Of a log of LOG_CALLS calls.
LOG = {
    "call log, first page": "/calls",
    "call log, page 1,000": "/calls?cursor={cursor}",
    "call log, missed": "/calls?result=missed",
    "call log, one colleague": "/calls?user={user}",
}
LOG_CALLS = 1_000_000
PAGE_OF_LOG = 1_000
FLAT = 3.0


def median_ms(call: Callable[[], object], rounds: int = 15) -> float:
    """The median time of a call, in milliseconds."""
    call()
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        call()
        times.append((time.perf_counter() - start) * 1000)
    return statistics.median(times)


def measure(many: House, few: House, table: Table) -> None:
    """Print each page's time with many contacts and calls as a ratio to its time with few."""
    times: dict[str, list[float]] = {name: [] for name in (*ADDRESSES, *LOG)}
    for house, calls in ((few, LOG_CALLS // 100), (many, LOG_CALLS)):
        with house.app.app_context():
            with db.engine.begin() as connection:
                data.load_calls(connection, calls)
            data.settle(db.engine)
            cookie = house.cookies[0].removeprefix("session=")
            browser = house.app.test_client()
            browser.set_cookie("session", cookie)
            for name, address in (ADDRESSES | _log_addresses()).items():
                assert browser.get(address).status_code == 200, address
                times[name].append(median_ms(functools.partial(browser.get, address)))
            db.session.remove()
            db.engine.dispose()
    for name, (few_ms, many_ms) in times.items():
        ratio = many_ms / few_ms
        table.row(
            f"{name}, {many.engine}", f"{few_ms:.1f} -> {many_ms:.1f} ms ({ratio:.1f}x)",
            f"< {FLAT:.0f}x", ratio < FLAT,
        )  # fmt: skip


def _log_addresses() -> dict[str, str]:
    """Fill in a user with calls, and where a page deep in the log begins."""
    last = db.session.execute(
        db.select(Call.started_at, Call.id)
        .order_by(Call.started_at.desc(), Call.id.desc())
        .offset(min(PAGE_OF_LOG * PAGE_SIZE, LOG_CALLS // 200))
        .limit(1)
    ).one()
    user = db.session.scalar(db.select(db.func.min(Call.user_id)))
    cursor = _encode("n", last, [Call.started_at, Call.id])
    return {name: address.format(cursor=cursor, user=user) for name, address in LOG.items()}
