"""Whom to call back: the clients whose calls were missed lately, until somebody talks with them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Select, func, or_, select, union
from sqlalchemy.orm import joinedload, load_only

from crm_app.accounts import rights
from crm_app.accounts.models import User
from crm_app.accounts.rights import Verb
from crm_app.calls import naming
from crm_app.calls.fold.follow_ups import TALKED
from crm_app.calls.listing import possible_contacts
from crm_app.calls.models import Call, CallLeg
from crm_app.contacts.models import Contact
from crm_app.extensions import db
from crm_app.phone_pairs import forms_of

# Older missed calls were either called back or given up.
MISSED_FOR = timedelta(days=2)
MOST_TRIES = 200

# The id of a contact, the number of a stranger, or what the PBX said in the place of a number.
_Client = tuple[str, int | str]


@dataclass(frozen=True, slots=True)
class MissedClient:
    """A client with missed calls: how many since anybody talked to them, and the last time."""

    last: Call
    tries: int
    contact: Contact | None

    @property
    def name(self) -> str:
        """The contact's name, empty for a stranger."""
        return self.contact.name if self.contact else ""


def missed_clients(
    user: User, now: datetime, most: int, *, of_everybody: bool = False
) -> list[MissedClient]:
    """List clients who were missed at a user's phone, or are theirs; the latest first.

    With `of_everybody` all that a user may see. A talk of any colleague with the client, whichever
    side called, takes the calls before it off the list.
    """
    tries = list(db.session.scalars(_tries(user, now - MISSED_FOR, of_everybody=of_everybody)))
    if not tries:
        return []
    people = possible_contacts(tries, user)
    groups: dict[_Client, list[Call]] = {}
    for call in tries:
        groups.setdefault(_client_of(call, people), []).append(call)
    is_over = _talked_since(groups, tries[-1].started_at)
    waiting = [
        (key, [one for one in calls if not is_over(key, one)]) for key, calls in groups.items()
    ]
    return [
        MissedClient(calls[0], len(calls), _contact_of(calls[0], people, user))
        for _key, calls in waiting
        if calls
    ][:most]


def _tries(user: User, since: datetime, *, of_everybody: bool) -> Select[Call]:
    """Select missed calls, the latest first: each reason is read from its own index, by days."""
    is_missed = Call.is_missed, Call.is_own_leg.is_(False)
    if of_everybody:
        tries = rights.allowed(user, Call, Verb.VIEW).where(*is_missed)
    else:
        rang = (
            select(CallLeg.call_id)
            .join(Call)
            .where(CallLeg.user_id == user.id, CallLeg.started_at >= since, *is_missed)
        )
        theirs = select(Call.id).where(
            Call.responsible_id == user.id,
            Call.started_at >= since,
            *is_missed,
            Call.is_with_contact_of(user.id),
        )
        tries = select(Call).where(Call.id.in_(union(rang, theirs)))
    return (
        tries.where(Call.started_at >= since)
        .options(
            load_only(
                Call.direction,
                Call.status,
                Call.outside_number,
                Call.outside_name,
                Call.started_at,
                Call.contact_id,
                Call.contact_is_chosen,
                Call.lead_id,
            ),
            joinedload(Call.contact).load_only(
                Contact.name, Contact.responsible_id, Contact.deleted_at
            ),
        )
        .order_by(Call.started_at.desc(), Call.id.desc())
        .limit(MOST_TRIES)
    )


def _client_of(call: Call, people: dict[str, list[Contact]]) -> _Client:
    if call.contact_id is not None:
        return "contact", call.contact_id
    known = [] if call.contact_is_chosen else people.get(call.outside_number, [])
    if len(known) == 1:
        return "contact", known[0].id
    if call.outside_number:
        return "number", call.outside_number
    return "name", call.outside_name


def _contact_of(call: Call, people: dict[str, list[Contact]], user: User) -> Contact | None:
    key, value = _client_of(call, people)
    if key != "contact":
        return None
    if call.contact_id is not None:
        return naming.named(call, user)
    return next(one for one in people[call.outside_number] if one.id == value)


def _talked_since(
    groups: dict[_Client, list[Call]], since: datetime
) -> Callable[[_Client, Call], bool]:
    """Read when anybody last talked with these clients; the answer is asked about one call."""
    contacts = [int(value) for kind, value in groups if kind == "contact"]
    numbers = {call.outside_number for calls in groups.values() for call in calls} - {""}
    talks = (
        select(Call.contact_id, Call.outside_number, func.max(Call.started_at))
        .where(
            Call.started_at > since,
            Call.status.in_(TALKED),
            ~Call.is_missed,
            Call.is_own_leg.is_(False),
            _is_with(contacts, {other for number in numbers for other in _writings(number)}),
        )
        .group_by(Call.contact_id, Call.outside_number)
    )
    by_contact: dict[int | None, datetime] = {}
    by_number: dict[str, datetime] = {}
    for contact_id, number, began in db.session.execute(talks):
        by_contact[contact_id] = max(began, by_contact.get(contact_id, began))
        by_number[number] = max(began, by_number.get(number, began))

    def is_over(key: _Client, call: Call) -> bool:
        talks = [by_number.get(number) for number in _writings(call.outside_number)]
        if key[0] == "contact":
            talks.append(by_contact.get(int(key[1])))
        return any(began > call.started_at for began in talks if began)

    return is_over


def _is_with(contacts: Iterable[int], numbers: Iterable[str]) -> ColumnElement[bool]:
    return or_(Call.contact_id.in_(contacts), Call.outside_number.in_(numbers))


def _writings(number: str) -> list[str]:
    return forms_of(number) if number else []
