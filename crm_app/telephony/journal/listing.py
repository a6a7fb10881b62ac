"""The list of facts: by kind, call, number and time, each page read from the end of an index."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import ColumnElement, false, select

from crm_app import phone_numbers
from crm_app.accounts.models import User
from crm_app.calls.fold.facts import FactKind
from crm_app.calls.models import Call, CallFact
from crm_app.database import LARGEST_ID
from crm_app.errors import InvalidInputError
from crm_app.extensions import db
from crm_app.local_time import LocalTime
from crm_app.paging import PAGE_SIZE, Page
from crm_app.phone_pairs import forms_of
from crm_app.records.lists import ListFilter, SortOrder, one_of, within_days, words
from crm_app.telephony.webhook import bodies

# The newest calls of a number; a number that is called more often needs days, too.
MOST_CALLS = 500
_NEWEST = SortOrder((CallFact.received_at, CallFact.id), descending=True)
# What opens something, or proves who one is, is nobody's to read.
_SECRET = re.compile(r"link|sign|secret|token|key|passw", re.IGNORECASE)
_ADDRESS = re.compile(r"https?://", re.IGNORECASE)
HIDDEN = "•••"


@dataclass(frozen=True, slots=True, kw_only=True)
class FactFilter(ListFilter):
    """Which facts are wanted, in the words of the address."""

    ORDERS = {"newest": _NEWEST}
    kind: str = one_of([kind.value for kind in FactKind])
    call: str = words(80)
    number: str = words(40)
    since: str = words(20)
    until: str = words(20)

    def conditions(self, user: User, local: LocalTime) -> list[ColumnElement[bool]]:
        """Return when the facts must have been received."""
        return within_days(CallFact.received_at, self.since, self.until, local)


def list_facts(
    user: User, wanted: FactFilter, local: LocalTime, country: str, cursor: str = ""
) -> Page[CallFact]:
    """Read one page of facts, the latest first; `country` is that of national numbers."""
    conditions = wanted.conditions(user, local)
    calls = _calls(wanted, country)
    if calls is not None:
        if wanted.kind:
            conditions.append(CallFact.kind == wanted.kind)
        return _page(CallFact.pbx_call_id.in_(calls), *conditions, cursor=cursor)
    nearest: set[int] = set()
    for kind in [wanted.kind] if wanted.kind else list(FactKind):
        # One more than is shown, to see whether there are more.
        rows = _page(CallFact.kind == kind, *conditions, cursor=cursor, size=PAGE_SIZE + 1).rows
        nearest.update(row.id for row in rows)
    return _page(CallFact.id.in_(nearest), cursor=cursor)


def shown_fields(raw: str) -> Mapping[str, str]:
    """Read the fields of a notification as it was posted, without what is secret in it."""
    try:
        fields = bodies.fields_of(raw.encode("utf-8", "replace"), "")
    except bodies.UnreadableBodyError:
        return {}
    return {name: _without_secrets(name, value) for name, value in fields.items()}


def _without_secrets(name: str, value: str) -> str:
    readable = value.encode("utf-8", "replace").decode()
    return HIDDEN if _SECRET.search(name) or _ADDRESS.search(value) else readable


def _page(
    *conditions: ColumnElement[bool], cursor: str = "", size: int = PAGE_SIZE
) -> Page[CallFact]:
    return _NEWEST.page(select(CallFact).where(*conditions), cursor, size)


def _calls(wanted: FactFilter, country: str) -> list[str] | None:
    """Return the PBX's ids of the calls that are wanted; None where any call is."""
    if not (wanted.call or wanted.number):
        return None
    calls = select(Call.pbx_call_id).order_by(Call.started_at.desc(), Call.id.desc())
    if wanted.call:
        calls = calls.where(_is_call(wanted.call))
    if wanted.number:
        calls = calls.where(Call.outside_number.in_(_forms(wanted.number, country)))
    found = list(db.session.scalars(calls.limit(MOST_CALLS)))
    # Its facts may be there although its row is not.
    return found or ([wanted.call] if not wanted.number else [])


def _is_call(typed: str) -> ColumnElement[bool]:
    if typed.isascii() and typed.isdecimal():
        return Call.id == int(typed) if len(typed) < 11 and int(typed) <= LARGEST_ID else false()
    return Call.pbx_call_id == typed


def _forms(typed: str, country: str) -> set[str]:
    try:
        number = phone_numbers.parse(typed, country)
    except InvalidInputError:
        number = "".join(sign for sign in typed if sign.isdecimal() or sign == "+")
    return set(forms_of(number))
