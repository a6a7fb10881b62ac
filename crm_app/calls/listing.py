"""The list of calls: who sees which, what it may be narrowed by, and the names of its numbers."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Select, and_, exists, or_, select, text
from sqlalchemy.orm import joinedload, selectinload

from crm_app.accounts.models import User
from crm_app.accounts.services import sees_everything
from crm_app.calls.models import Call, CallLeg
from crm_app.contacts.models import Contact, ContactPhone
from crm_app.extensions import db
from crm_app.leads.models import Lead
from crm_app.paging import Page, fetch_page

SHOWN_IN_A_BOX = 10
# Hops from one line to the next through the index: an office has few lines and many calls.
_LINES = text("""
    WITH RECURSIVE line (did) AS (
        SELECT MIN(did) FROM call WHERE did > ''
        UNION ALL
        SELECT (SELECT MIN(did) FROM call WHERE did > line.did) FROM line WHERE did IS NOT NULL
    ) SELECT did FROM line WHERE did IS NOT NULL
""")


@dataclass(frozen=True, slots=True)
class CallFilter:
    """What the list is narrowed by; "" and None mean all. `until` itself is not included."""

    direction: str = ""
    status: str = ""
    user_id: int | None = None
    did: str = ""
    contact: Contact | None = None
    since: datetime | None = None
    until: datetime | None = None

    def narrow(self, statement: Select[Call]) -> Select[Call]:
        """Apply the filter to a select of calls."""
        if self.direction:
            statement = statement.where(Call.direction == self.direction)
        if self.status:
            statement = statement.where(Call.status == self.status)
        if self.user_id is not None:
            statement = statement.where(Call.user_id == self.user_id)
        if self.did:
            statement = statement.where(Call.did == self.did)
        if self.contact is not None:
            statement = statement.where(with_contact(self.contact))
        if self.since is not None:
            statement = statement.where(Call.started_at >= self.since)
        if self.until is not None:
            statement = statement.where(Call.started_at < self.until)
        return statement


def visible_to(user: User) -> Select[Call]:
    """Select the calls a user may see: all, or where the office restricts agents, their own.

    Their own are those they took part in or that rang at them, and those with their contacts.
    """
    statement = select(Call)
    if sees_everything(user):
        return statement
    took_part = exists().where(CallLeg.call_id == Call.id, CallLeg.user_id == user.id)
    responsible = exists().where(Contact.id == Call.contact_id, Contact.responsible_id == user.id)
    return statement.where(or_(Call.user_id == user.id, took_part, responsible))


def list_calls(user: User, wanted: CallFilter, cursor: str = "") -> Page[Call]:
    """Read one page of the calls a user may see and asked for, the latest first.

    Click-to-call's ringing of our own phone is no call with anybody, and left out.
    """
    return _page(wanted.narrow(visible_to(user)), cursor)


def latest_of_contact(user: User, contact: Contact) -> Page[Call]:
    """Read the latest calls with a contact."""
    return _page(visible_to(user).where(with_contact(contact)), size=SHOWN_IN_A_BOX)


def latest_of_lead(user: User, lead: Lead) -> Page[Call]:
    """Read the latest calls about a lead, and with its contact."""
    condition: ColumnElement[bool] = Call.lead_id == lead.id
    if lead.contact is not None:
        condition = or_(condition, with_contact(lead.contact))
    return _page(visible_to(user).where(condition), size=SHOWN_IN_A_BOX)


def with_contact(contact: Contact) -> ColumnElement[bool]:
    """Say that a call was with a contact, also one from before the contact was known."""
    numbers = [phone.number for phone in contact.phones]
    return or_(
        Call.contact_id == contact.id,
        and_(
            Call.contact_id.is_(None),
            Call.contact_is_chosen.is_(False),
            Call.outside_number.in_(numbers),
        ),
    )


def lines() -> list[str]:
    """List the numbers of ours that were ever called, sorted."""
    return list(db.session.execute(_LINES).scalars())


def possible_contacts(calls: Iterable[Call]) -> dict[str, list[Contact]]:
    """Find who may be behind the numbers of calls that no contact is attached to."""
    numbers = {call.outside_number for call in calls if _is_open(call)}
    if not numbers:
        return {}
    rows = db.session.execute(
        select(ContactPhone.number, Contact)
        .join(Contact, Contact.id == ContactPhone.contact_id)
        .where(ContactPhone.number.in_(numbers), Contact.deleted_at.is_(None))
        .order_by(Contact.sort_name, Contact.id)
    )
    found: dict[str, list[Contact]] = {}
    for number, contact in rows:
        people = found.setdefault(number, [])
        if contact not in people:
            people.append(contact)
    return found


def _is_open(call: Call) -> bool:
    return bool(call.outside_number) and call.contact_id is None and not call.contact_is_chosen


def _page(statement: Select[Call], cursor: str = "", size: int = 50) -> Page[Call]:
    statement = statement.where(Call.is_own_leg.is_(False)).options(
        joinedload(Call.contact),
        joinedload(Call.user),
        selectinload(Call.legs).joinedload(CallLeg.user),
    )
    return fetch_page(
        db.session(),
        statement,
        [Call.started_at, Call.id],
        cursor=cursor,
        descending=True,
        size=size,
    )
