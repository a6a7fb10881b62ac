"""The queue of 100,000 call-backs among 1,000,000 calls, inside one process."""

import functools

from flask.testing import FlaskClient
from sqlalchemy import Connection, text

from crm_app.extensions import db
from tests.bench import data
from tests.bench.house import House
from tests.bench.lists import LOG_CALLS, median_ms
from tests.bench.table import Table
from tests.questions import questions

CALL_BACKS = 100_000
FEW = 100
SHOWN_WITHIN_MS = 60.0
PAGES = {
    "queue of call-backs": "/callbacks",
    "queue, mine and the pool's": "/callbacks?whose=me",
    "queue, done ones": "/callbacks?state=done",
    "count in the navigation": "/callbacks/badge",
}


def measure(house: House, table: Table) -> None:
    """Print each page's time with all call-backs, and whether it asks as often as with a few."""
    with house.app.app_context():
        with db.engine.begin() as connection:
            data.load_calls(connection, LOG_CALLS)
            load(connection, FEW)
        browser = house.app.test_client()
        browser.set_cookie("session", house.cookies[0].removeprefix("session="))
        counts = {
            name: statements(browser, address, _headers(address)) for name, address in PAGES.items()
        }
        with db.engine.begin() as connection:
            load(connection, CALL_BACKS, after=FEW)
        data.settle(db.engine)
        for name, address in PAGES.items():
            took = median_ms(functools.partial(browser.get, address, headers=_headers(address)))
            label = f"{name}, {house.engine}"
            table.row(label, f"{took:.1f} ms", f"< {SHOWN_WITHIN_MS:.0f} ms",
                      took < SHOWN_WITHIN_MS)  # fmt: skip
            asked = statements(browser, address, _headers(address))
            table.row(f"{label}, statements", f"{counts[name]} -> {asked}", "the same",
                      asked == counts[name])  # fmt: skip
        db.session.remove()
        db.engine.dispose()


def load(connection: Connection, count: int, after: int = 0) -> None:
    """Insert call-backs of contacts: every third in the pool, every tenth done."""
    is_sqlite = connection.dialect.name == "sqlite"
    series = (
        "(WITH RECURSIVE n(i) AS (SELECT :first UNION ALL SELECT i + 1 FROM n WHERE i < :last)"
        " SELECT i FROM n) s"
        if is_sqlite
        else "(SELECT generate_series(CAST(:first AS int), CAST(:last AS int)) AS i) s"
    )
    at = (
        "strftime('%Y-%m-%d %H:%M:%S.000000', 'now', '-' || (s.i * 6) || ' seconds')"
        if is_sqlite
        else "now() - s.i * interval '6 seconds'"
    )
    no = "0" if is_sqlite else "false"
    connection.execute(
        text(
            "INSERT INTO call_back (contact_id, number, did, owner_id, is_chosen, due_at, misses,"
            " first_missed_at, missed_at, tries, done_at, done_how, done_reason)"
            " SELECT s.i, '+351' || (910000000 + s.i), '+351210000001',"
            f" CASE WHEN s.i % 3 = 0 THEN NULL ELSE 1 + s.i % 500 END, {no}, {at}, 1, {at}, {at},"
            f" s.i % 4, CASE WHEN s.i % 10 = 0 THEN {at} END,"
            f" CASE WHEN s.i % 10 = 0 THEN 'hand' END, '' FROM {series}"
        ),
        {"first": after + 1, "last": count},
    )


def _headers(address: str) -> dict[str, str]:
    return {"HX-Request": "true"} if address.endswith("badge") else {}


def statements(browser: FlaskClient, address: str, headers: dict[str, str]) -> int:
    """Count what a page asks the database when it is not the first to be shown."""
    assert browser.get(address, headers=headers).status_code == 200, address
    with questions() as asked:
        browser.get(address, headers=headers)
    # Once a minute a page notes that its user was seen.
    return sum("browser_session" not in statement for statement in asked)
