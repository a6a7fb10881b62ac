"""The board of fifty colleagues among 1,000,000 calls and 100,000 call-backs, in one process."""

import functools

from crm_app import clock, database
from crm_app.accounts.models import User
from crm_app.board import walls
from crm_app.calls.fold.facts import Fact, FactKind
from crm_app.calls.store.ledger import record
from crm_app.extensions import db
from crm_app.telephony.routing import phones
from tests.bench import callbacks, data
from tests.bench.house import House
from tests.bench.lists import LOG_CALLS, median_ms
from tests.bench.table import Table

# As many as there are call-backs.
CONTACTS = 100_000
COLLEAGUES = 50
LIVE = 30
SHOWN_WITHIN_MS = 60.0
HTMX = {"HX-Request": "true"}


def measure(house: House, table: Table) -> None:
    """Print how long the board takes, and whether it asks as often as with two calls."""
    with house.app.app_context():
        everybody = db.update(User).where(User.id > COLLEAGUES)
        db.session.execute(everybody.values(active=False))
        administrator = db.session.get_one(User, 1)
        token = walls.new_token(walls.make("Bench", administrator))
        db.session.commit()
        with db.engine.begin() as connection:
            callbacks.load(connection, callbacks.FEW)
        _ring(2)
        browser = house.app.test_client()
        browser.set_cookie("session", house.cookies[0].removeprefix("session="))
        pages = {
            "board": "/board",
            "board again": "/board/now",
            "office TV": f"/board/wall/{token}/now",
        }
        few = {
            name: callbacks.statements(browser, address, HTMX) for name, address in pages.items()
        }
        with db.engine.begin() as connection:
            data.load_calls(connection, LOG_CALLS)
            callbacks.load(connection, callbacks.CALL_BACKS, after=callbacks.FEW)
        # The pages have promised only to read.
        db.session.remove()
        with database.writing():
            _ring(LIVE, after=2)
        data.settle(db.engine)
        for name, address in pages.items():
            took = median_ms(functools.partial(browser.get, address, headers=HTMX))
            label = f"{name}, {COLLEAGUES} colleagues, {LOG_CALLS:,} calls, {house.engine}"
            table.row(label, f"{took:.1f} ms", f"< {SHOWN_WITHIN_MS:.0f} ms",
                      took < SHOWN_WITHIN_MS)  # fmt: skip
            asked = callbacks.statements(browser, address, HTMX)
            table.row(f"{label}, statements", f"{few[name]} -> {asked}", "the same",
                      asked == few[name])  # fmt: skip
        db.session.remove()
        db.engine.dispose()


def _ring(count: int, after: int = 0) -> None:
    """Let clients call: every second talks, the others ring at two phones."""
    for number in range(after, count):
        told = {"caller": f"+3519100{number:05}", "did": "+351210000001"}
        kinds = [(FactKind.STARTED, ""), (FactKind.RANG, str(100 + number))]
        kinds.append((FactKind.ANSWERED if number % 2 else FactKind.RANG, str(101 + number)))
        for kind, extension in kinds:
            fact = Fact(kind, f"in_live_{number}", clock.now(), extension=extension, **told)
            record(db.session.connection(), fact, "")
    phones.keep({str(100 + number): number % 5 > 0 for number in range(COLLEAGUES)})
    db.session.commit()
