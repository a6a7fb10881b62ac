"""The live call with everything switched on: black list, responsible, names, and what follows."""

from datetime import UTC, datetime, timedelta

from crm_app.extensions import db
from crm_app.telephony import services
from crm_app.telephony.models import BlockedNumber, DirectNumber, PhoneState
from tests.bench import webhooks
from tests.bench.house import PHONES, House
from tests.bench.table import Table

BLOCKED, PREFIXES = 1_000, 20
# Whatever else a switch may be, these are what makes a call cost most.
ALL_ON = {
    "route_to_responsible": "on", "caller_name_with_redirect": "on", "black_list": "busy",
    "call_backs": "on", "new_client": "always", "new_client_makes": "both",
}  # fmt: skip


def prepare(house: House) -> None:
    """Switch everything on, block a thousand numbers and register all phones, for the whole run."""
    # The phones stay as they are asked now: no PBX answers here.
    until = datetime.now(tz=UTC) + timedelta(hours=2)  # noqa: TID251
    with house.app.app_context():
        services.set_switches(ALL_ON)
        services.set_default_responsible(1)
        db.session.add_all(
            # Every hundredth of the strangers who ring, and beginnings that nobody has.
            BlockedNumber(pattern=f"+351{960_000_000 + place * 100}")
            for place in range(BLOCKED - PREFIXES)
        )
        db.session.add_all(BlockedNumber(pattern=f"+35194{n:03}*") for n in range(PREFIXES))
        db.session.add_all(
            PhoneState(extension=str(100 + n), is_registered=True, asked_at=until)
            for n in range(PHONES)
        )
        db.session.add(DirectNumber(number="+351210000001"))
        db.session.commit()


def measure(house: House, contacts: int, table: Table, seconds: float) -> None:
    """Print what the webhook's part prints, with all rules asked."""
    prepare(house)
    webhooks.measure(house, contacts, table, seconds, of="all rules on")
    refused = house.count("blocked_call")
    table.row(
        f"calls refused by the black list, {house.engine}", f"{refused:,}", "> 0", refused > 0
    )
