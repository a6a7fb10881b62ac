"""The call-backs on the start page: those due first, with their age and their owners."""

from crm_app.accounts.models import User
from crm_app.callbacks import listing
from crm_app.callbacks.listing import CallBackFilter, Row
from crm_app.local_time import LocalTime
from crm_app.records.lists import ME
from crm_app.telephony.models import TelephonySettings

SHOWN = 8


def call_backs(user: User, local: LocalTime, *, is_team: bool) -> list[Row] | None:
    """List a user's call-backs and the pool's, or with `is_team` all that they may see.

    None while call-backs are switched off.
    """
    if TelephonySettings.current().switched_on_at("call_backs") is None:
        return None
    wanted = CallBackFilter(whose="" if is_team else ME)
    page = listing.page(user, wanted, local, size=SHOWN)
    return listing.rows_of(page.rows, user)
