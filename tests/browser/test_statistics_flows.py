"""Old calls loaded by two actions, and webhooks that break on a Friday and are mended."""

from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import expect

from crm_app import clock
from crm_app.calls.fold.facts import Fact, FactKind
from crm_app.calls.store.ledger import record
from crm_app.extensions import db
from crm_app.simulator import Simulator
from crm_app.simulator.history import Row
from crm_app.telephony import services
from crm_app.telephony.models import TelephonySettings
from crm_app.telephony.reconciliation import polling
from tests.browser.conftest import SignIn, watching
from tests.browser.hands import MOUSE, Hands
from tests.browser.office import Office
from tests.owed import perform

KEY, SECRET = "a1b2c3d4e5f607182999", "0f1e2d3c4b5a69788796"
BANNER = "[data-events-missing]"


def connect(office: Office, pbx: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Store the keys of the played account, and ask it from this process."""
    settings = office.app.extensions["settings"].model_copy(update={"zadarma_api_url": pbx.url})
    monkeypatch.setitem(office.app.extensions, "settings", settings)
    office.do(lambda: services.save_keys(KEY, SECRET, office.app.extensions["vault"]))
    office.app.extensions["telephony_links"].forget()


def listed(number: int, began: datetime) -> Row:
    """Make a call that only the statistics know."""
    return Row(
        began,
        {
            "call_id": f"{1772442000 + number}.1",
            "sip": "101",
            "callstart": began.strftime("%Y-%m-%d %H:%M:%S"),
            "clid": f"35191000{number:04}",
            "destination": "351210000001",
            "disposition": "answered",
            "seconds": 60,
            "is_recorded": "false",
            "pbx_call_id": f"in_{number:040x}",
        },
    )


def test_old_calls_are_loaded_by_two_actions_and_the_balance_ends_at_nothing(
    office: Office, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = datetime.now(UTC).replace(microsecond=0)  # noqa: TID251
    with Simulator(KEY, SECRET) as pbx:
        pbx.history.add(listed(one, now - timedelta(days=2 + one)) for one in range(20))
        connect(office, pbx, monkeypatch)
        page = watching(sign_in("Alice"), office, "/telephony/history")
        hands = Hands(page, MOUSE)
        with hands.at_most(2):
            page.get_by_label("How far back").select_option("1")
            hands.hit(page.get_by_role("button", name="Start"))
        progress = page.locator("[data-history-state]")
        expect(progress).to_have_attribute("data-history-state", "running")
        for _ in range(3):
            office.do(lambda: perform("load_history"))
        # It follows by the stream: nobody has loaded the page again.
        expect(progress).to_have_attribute("data-history-state", "done")
        days = page.locator("[data-balance-day]")
        assert days.count() >= 20
        assert page.locator("[data-balance-day]:not([data-difference='0'])").count() == 0


def test_while_webhooks_are_broken_a_banner_says_so_and_leaves_when_they_come_again(
    office: Office, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = datetime.now(UTC).replace(microsecond=0)  # noqa: TID251
    with Simulator(KEY, SECRET) as pbx:
        connect(office, pbx, monkeypatch)
        office.do(_connected_since_yesterday)
        page = watching(sign_in("Bob"), office, "/calls")
        expect(page.locator(BANNER)).to_have_count(0)
        pbx.history.add([listed(77, now - timedelta(minutes=5))])
        for _ in range(2):
            office.do(lambda: perform("poll_statistics"))
        expect(page.locator(BANNER)).to_contain_text("Calls do not pop up.")
        event = Fact(FactKind.STARTED, "in_" + "7" * 40, clock.now(), caller="+351910000042")
        office.do(lambda: record(db.session.connection(), event, "event=NOTIFY_START"))
        office.do(lambda: polling.look_for_events([]))
        expect(page.locator(BANNER)).to_have_count(0)


def _connected_since_yesterday() -> None:
    settings = TelephonySettings.for_change()
    settings.connected_at -= timedelta(days=1)
    db.session.flush()
