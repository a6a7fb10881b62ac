"""The contact list and search with many contacts against few, inside one process."""

import functools
import statistics
import time
from collections.abc import Callable

from crm_app.extensions import db
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
    """Print each page's time with many contacts as a ratio to its time with few."""
    times: dict[str, list[float]] = {name: [] for name in ADDRESSES}
    for house in (few, many):
        with house.app.app_context():
            cookie = house.cookies[0].removeprefix("session=")
            browser = house.app.test_client()
            browser.set_cookie("session", cookie)
            for name, address in ADDRESSES.items():
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
