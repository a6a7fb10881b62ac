"""The report on calls over a log of a million, inside one process."""

import functools
import time

from crm_app.accounts.models import Role, User
from crm_app.calls.narrowing import office_hours
from crm_app.extensions import db
from crm_app.reports import services
from tests.bench import data
from tests.bench.house import House
from tests.bench.lists import LOG_CALLS, median_ms
from tests.bench.table import Table

ADDRESSES = {
    "report of a month": "/reports/calls",
    "report of a year": "/reports/calls?period=year",
    "report of a month, one colleague": "/reports/calls?user=1",
    "calls of a reason, of a month": "/calls?reason=gave_up&clock=office",
    "calls of an hour of the week": "/calls?weekday=1&hour=10&clock=office",
    "missed calls never returned": "/calls?part=missed&reached=never&clock=office",
}
PROMISED_MS = 60.0


def measure(house: House, table: Table, calls: int = LOG_CALLS) -> None:
    """Count a log from the beginning, and print how long pages about it take."""
    with house.app.app_context():
        with db.engine.begin() as connection:
            data.load_calls(connection, calls)
        data.settle(db.engine)
        db.session.execute(db.update(User).where(User.id == 1).values(role=Role.MANAGER))
        db.session.commit()
        began, longest = time.perf_counter(), 0.0
        while True:
            step_began = time.perf_counter()
            has_more = services.write(services.prepare(office_hours()))
            db.session.commit()
            longest = max(longest, time.perf_counter() - step_began)
            if not has_more:
                break
        took = time.perf_counter() - began
        # An office counts a day at a time, and the server has long looked at what it counted.
        data.settle(db.engine)
        table.row(
            f"counting {calls:,} calls for the reports, {house.engine}",
            f"{calls / took:,.0f} /s, longest step {longest:.1f} s", "", True,
        )  # fmt: skip
        browser = house.app.test_client()
        browser.set_cookie("session", house.cookies[0].removeprefix("session="))
        for name, address in ADDRESSES.items():
            assert browser.get(address).status_code == 200, address
            median = median_ms(functools.partial(browser.get, address))
            is_promised = name.startswith("report of a month")
            table.row(
                f"{name}, {calls:,} calls, {house.engine}", f"{median:.1f} ms",
                f"< {PROMISED_MS:.0f} ms" if is_promised else "",
                median < PROMISED_MS or not is_promised,
            )  # fmt: skip
        db.session.remove()
        db.engine.dispose()
