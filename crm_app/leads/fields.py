"""What can be said about a lead."""

import re
from typing import Annotated

from crm_app.leads.models import Lead, StageKind
from crm_app.money import LARGEST_CENTS
from crm_app.records.fields import Draft, Field, Kind
from crm_app.text import N_

CURRENCIES = ("EUR", "USD", "GBP", "CHF", "BRL", "AOA", "CVE", "MZN", "PLN", "SEK", "NOK", "DKK")
STAGE_KIND_NAMES = {
    StageKind.OPEN: N_("Open"),
    StageKind.WON: N_("Won"),
    StageKind.LOST: N_("Lost"),
}


def _check_cents(cents: int) -> str:
    if cents < 0:
        return "amount_unreadable"
    return "amount_too_large" if cents > LARGEST_CENTS else ""


def _check_currency(code: str) -> str:
    # A lead keeps a currency that is offered no more.
    return "" if re.fullmatch("[A-Z]{3}", code) else "choice_unknown"


class LeadDraft(Draft):
    """What is said about a lead; its stage is changed by moving it."""

    record = Lead

    title: Annotated[
        str, Field(N_("Title"), length=200, required="title_empty", is_searched=True)
    ] = ""
    contact_id: Annotated[int | None, Field(N_("Contact"), Kind.RECORD)] = None
    value_cents: Annotated[int | None, Field(N_("Value"), Kind.OWN, check=_check_cents)] = None
    currency: Annotated[str, Field(N_("Currency"), Kind.OWN, length=3, check=_check_currency)] = (
        "EUR"
    )
    source: Annotated[str, Field(N_("Source"), length=60, is_searched=True)] = ""
    responsible_id: Annotated[int | None, Field(N_("Responsible"), Kind.PERSON)] = None
    about: Annotated[str, Field(N_("About"), Kind.TEXT, length=10_000)] = ""
