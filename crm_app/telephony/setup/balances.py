"""How long the money of the account lasts, by what the last days have cost."""

from datetime import timedelta
from itertools import pairwise

from sqlalchemy import select

from crm_app import clock
from crm_app.extensions import db
from crm_app.telephony.models import DailyBalance

# Less than this is a warning: somebody must find the time to pay.
FEW_DAYS = 5
_LOOKS_BACK = timedelta(days=14)
# Fewer days say nothing about the next ones.
_LEAST_DAYS = 2


def daily_cost() -> float | None:
    """Return what a day of the last two weeks has cost on average, in minor units.

    A day on which the balance rose, because somebody paid, is left out. None while too few days
    are known.
    """
    since = clock.today() - _LOOKS_BACK
    days = db.session.execute(
        select(DailyBalance.day, DailyBalance.cents)
        .where(DailyBalance.day >= since)
        .order_by(DailyBalance.day)
    ).all()
    spent, lasted = 0, 0
    for before, after in pairwise(days):
        if after.cents <= before.cents:
            spent += before.cents - after.cents
            lasted += (after.day - before.day).days
    return spent / lasted if lasted >= _LEAST_DAYS else None


def days_left(cents: int) -> int | None:
    """Return for how many whole days a balance lasts; None when that cannot be said."""
    cost = daily_cost()
    return int(cents / cost) if cost else None
