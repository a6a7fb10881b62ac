"""What the page of the telephony's health shows, read when it is asked for."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select

from crm_app.calls.fold.facts import FactKind
from crm_app.config import Config
from crm_app.counting import Counter
from crm_app.extensions import db
from crm_app.telephony.connection import Budget, Link, budget_of
from crm_app.telephony.models import TelephonySettings
from crm_app.telephony.setup import balances, health_checks, warnings
from crm_app.telephony.setup.health_checks import POSTED
from crm_app.telephony.setup.warnings import Disk


@dataclass(frozen=True, slots=True)
class Money:
    """The balance and what a day costs, in minor units, and for how many days that lasts."""

    cents: int | None
    currency: str
    at: datetime | None
    daily_cost: float | None
    days_left: int | None


@dataclass(frozen=True, slots=True)
class Figures:
    """Everything that the page shows, but for jobs and the state of the parts."""

    last: dict[FactKind, datetime]
    # When the log was last compared with the statistics.
    reconciled_at: datetime | None
    # How far the account's clock is ahead of UTC, in seconds, and what says so.
    offset_seconds: int | None
    offset_from: str
    drift: timedelta | None
    budget: Budget | None
    money: Money
    disk: Disk
    numbers: list[tuple[str, int]]
    offline: list[str]


def last_of_each_kind() -> dict[FactKind, datetime]:
    """Find when each kind of notification was received last, by kind."""
    row = db.session.execute(select(*map(health_checks.last_received, POSTED))).one()
    return {kind: at for kind, at in zip(POSTED, row, strict=True) if at}


def gather(link: Link, config: Config, counter: Counter) -> Figures:
    """Read all figures. Ends the open transaction, because the budget is kept elsewhere."""
    settings = TelephonySettings.current()
    cents = settings.balance_cents
    days = balances.days_left(cents) if cents is not None else None
    money = Money(
        cents, settings.balance_currency, settings.balance_at, balances.daily_cost(), days
    )
    last = last_of_each_kind()
    reconciled_at, offset = settings.reconciled_at, settings.pbx_offset_seconds
    told_by = settings.heard_offset_from
    drift = health_checks.clock_drift(settings)
    numbers = warnings.expiring_numbers()
    offline = warnings.offline_in_working_hours(config)
    db.session.rollback()
    budget = budget_of(link, counter) if link.is_connected else None
    return Figures(
        last=last,
        reconciled_at=reconciled_at,
        offset_seconds=offset,
        offset_from=told_by,
        drift=drift,
        budget=budget,
        money=money,
        disk=warnings.fullest_disk(config),
        numbers=numbers,
        offline=offline,
    )
