"""The list of calls: who sees which, what it may be narrowed by, and the names of its numbers."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    and_,
    case,
    false,
    func,
    or_,
    select,
    text,
    true,
)
from sqlalchemy.orm import InstrumentedAttribute, aliased, joinedload, selectinload

from crm_app.accounts import rights
from crm_app.accounts.models import User
from crm_app.accounts.rights import Reach, Verb
from crm_app.calls import narrowing
from crm_app.calls.models import OUTCOME_LENGTH, Call, CallLeg, CallWrapup
from crm_app.contacts.listing import find_contacts
from crm_app.contacts.models import Contact, ContactPhone, NotThisPerson
from crm_app.contacts.numbers.not_this_person import numbers_of
from crm_app.extensions import db
from crm_app.leads.models import Lead
from crm_app.local_time import LocalTime
from crm_app.paging import PAGE_SIZE, Page, cursor_at, fetch_page
from crm_app.phone_pairs import equivalents, forms_of
from crm_app.records.lists import ListFilter, SortOrder, day_of, one_of, within_days, words
from crm_app.web.ids import read_id

SHOWN_IN_A_BOX = 10
# Of the calls for which the PBX named none of our numbers.
NO_LINE = "none"
# Fewer digits are part of nearly every number.
SHORTEST_PART = 3
# Hops from one line to the next through the index: an office has few lines and many calls.
_LINES = text("""
    WITH RECURSIVE line (did) AS (
        SELECT MIN(did) FROM call WHERE did > ''
        UNION ALL
        SELECT (SELECT MIN(did) FROM call WHERE did > line.did) FROM line WHERE did IS NOT NULL
    ) SELECT did FROM line WHERE did IS NOT NULL
""")


@dataclass(frozen=True, slots=True)
class Clients:
    """Who is meant by a part of a name or number: these contacts, or numbers with these digits."""

    contacts: tuple[Contact, ...] = ()
    digits: str = ""

    @classmethod
    def of(cls, typed: str, contacts: Iterable[Contact]) -> "Clients":
        """Read what was typed; `contacts` were found by it."""
        digits = "".join(sign for sign in typed if sign.isdecimal() and sign.isascii())
        is_number = len(digits) >= SHORTEST_PART and not any(sign.isalpha() for sign in typed)
        return cls(tuple(contacts), digits if is_number else "")

    def condition(self) -> ColumnElement[bool]:
        """Say that a call was with one of them."""
        conditions = [with_contact(contact) for contact in self.contacts]
        if self.digits:
            conditions.append(Call.outside_number.contains(self.digits, autoescape=True))
        return or_(false(), *conditions)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFilter(ListFilter):
    """What of the calls is wanted, in the words of the address.

    Where something is asked for that cannot be, no call fits.
    """

    ORDERS = {"newest": SortOrder((Call.started_at, Call.id), descending=True)}
    direction: str = words(20)
    result: str = words(20)
    outcome: str = words(OUTCOME_LENGTH)
    # "no": what waits to be written up, by `user` if that is a manager's question, else by oneself.
    written: str = words(5)
    # "yes": the PBX has recorded it.
    recorded: str = words(5)
    user: str = words(20)
    line: str = words(40)
    contact: str = words(20)
    client: str = words()
    number: str = words(40)
    # What became of a call; with `user`, what they did.
    part: str = words(10)
    reason: str = words(20)
    reached: str = words(10)
    # Monday is 1.
    weekday: str = words(2)
    hour: str = words(2)
    # Days and hours are those of the user's clock, or of the office's.
    clock: str = one_of(("office",))
    since: str = words(20)
    until: str = words(20)

    @property
    def no_days(self) -> set[str]:
        """The names of the days that are none."""
        days = {"since": self.since, "until": self.until}
        return {name for name, typed in days.items() if typed and day_of(typed) is None}

    def conditions(self, user: User, local: LocalTime) -> list[ColumnElement[bool]]:
        """Return what must hold for a call."""
        return [*self.at_any_time(user, local), *self.days(Call.started_at, local)]

    def at_any_time(self, user: User, local: LocalTime) -> list[ColumnElement[bool]]:
        """Return what must hold for a call, whenever it was."""
        conditions: list[ColumnElement[bool]] = []
        if self.direction:
            conditions.append(Call.direction == self.direction)
        if self.result:
            conditions.append(Call.status == self.result)
        if self.outcome:
            conditions.append(Call.was_written_up(CallWrapup.outcome == self.outcome))
        conditions += self._with_recording()
        if self.written:
            conditions.append(Call.id.in_(self._waiting_for(user)))
        if self.user:
            colleague = read_id(self.user)
            conditions.append(false() if colleague is None else Call.has_part(colleague))
        if self.line:
            conditions.append(Call.did == ("" if self.line == NO_LINE else self.line))
        if self.contact:
            contact = rights.find(Contact, read_id(self.contact), user, Verb.VIEW)
            conditions.append(false() if contact is None else with_contact(contact))
        if self.client:
            found = find_contacts(user, self.client)
            conditions.append(Clients.of(self.client, found).condition())
        if self.number:
            conditions.append(Call.outside_number == self.number)
        return [*conditions, *self._of_reports(local)]

    def _of_reports(self, local: LocalTime) -> list[ColumnElement[bool]]:
        conditions: list[ColumnElement[bool]] = []
        if self.part:
            colleague = read_id(self.user) if self.user else None
            conditions.append(narrowing.with_part(self.part, colleague))
        if self.reason:
            conditions.append(narrowing.missed_because(self.reason))
        if self.reached:
            conditions.append(narrowing.reached(self.reached))
        weekday, hour = _within(self.weekday, 1, 7), _within(self.hour, 0, 23)
        conditions += narrowing.at_hour(weekday, hour, str(local.zone))
        is_nonsense = (self.weekday and weekday is None) or (self.hour and hour is None)
        return [*conditions, false()] if is_nonsense else conditions

    def _with_recording(self) -> list[ColumnElement[bool]]:
        if not self.recorded:
            return []
        return [Call.recording_count > 0 if self.recorded == "yes" else false()]

    def _waiting_for(self, user: User) -> Select[Any]:
        whose = read_id(self.user) if self.user and user.is_manager else user.id
        return select(CallWrapup.call_id).where(
            CallWrapup.user_id == whose,
            CallWrapup.waits_since.is_not(None) if self.written == "no" else false(),
        )

    def days(
        self, began: InstrumentedAttribute[datetime], local: LocalTime
    ) -> list[ColumnElement[bool]]:
        """Return when the calls must have begun, by the column that says it."""
        return within_days(began, self.since, self.until, local)


def _within(typed: str, least: int, most: int) -> int | None:
    number = int(typed) if typed.isascii() and typed.isdecimal() else -1
    return number if least <= number <= most else None


def list_calls(user: User, wanted: CallFilter, local: LocalTime, cursor: str = "") -> Page[Call]:
    """Read one page of the calls a user may see and asked for, the latest first.

    Click-to-call's ringing of our own phone is no call with anybody, and left out.
    """
    sees_all, colleague = rights.reach(user, Verb.VIEW) is Reach.ALL, read_id(wanted.user)
    # Those with one contact are few, and found by the contact; so are those that wait.
    if wanted.contact or wanted.written or (sees_all and colleague is None):
        seen = rights.allowed(user, Call, Verb.VIEW)
        return _page(seen.where(*wanted.conditions(user, local)), cursor)
    if sees_all and colleague is not None:
        why = _reasons_of(colleague, _shown(user, wanted, local), wanted, local)
    else:
        why = reasons(user, wanted, local)
    nearest: set[int] = set()
    for reason in why:
        # One more than is shown, to see whether there are more.
        nearest.update(reason.ids(cursor, PAGE_SIZE + 1))
    # All of them are on the asked side of the cursor, and the page's own rows are among them.
    return _page(select(Call).where(Call.id.in_(nearest)), cursor)


def cursor_after(call: Call) -> str:
    """Return the cursor of the page that begins after a call."""
    return cursor_at(call, CallFilter.ORDERS["newest"].keys)


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason to see calls, and the keys that put those calls in order, the call's id last."""

    rows: Select[Any]
    keys: tuple[InstrumentedAttribute[Any], ...]

    def ids(self, cursor: str, size: int) -> list[int]:
        """Return the ids of the calls nearest to a cursor."""
        found = fetch_page(
            db.session(), self.rows, self.keys, cursor=cursor, descending=True, size=size
        )
        return [getattr(row, self.keys[-1].key) for row in found.rows]


def reasons(user: User, wanted: CallFilter, local: LocalTime) -> list[Reason]:
    """Return the calls that a restricted agent sees, by reason: each is read from its own index.

    In one statement they would be looked for in the whole log.
    """
    shown = _shown(user, wanted, local)
    is_meant = and_(shown, Call.is_with_contact_of(user.id))
    clients = select(Call).where(Call.responsible_id == user.id, _besides(is_meant))
    clients = clients.where(*wanted.days(Call.started_at, local))
    own = _reasons_of(user.id, shown, wanted, local)
    return [*own, Reason(clients, (Call.started_at, Call.id))]


def _reasons_of(
    user_id: int, shown: ColumnElement[bool], wanted: CallFilter, local: LocalTime
) -> list[Reason]:
    """Return the calls in which a user talked, and those that rang at their phones."""
    same = aliased(CallLeg)
    first_leg = (
        select(func.min(same.id))
        .where(
            # All columns of the index that lists a user's calls.
            same.user_id == user_id,
            same.started_at == CallLeg.started_at,
            same.call_id == CallLeg.call_id,
        )
        .scalar_subquery()
    )
    own = select(Call).where(Call.user_id == user_id, _besides(shown))
    legs = (
        select(CallLeg)
        .join(Call)
        .where(
            CallLeg.user_id == user_id,
            _besides(and_(shown, CallLeg.id == first_leg)),
        )
    )
    own = own.where(*wanted.days(Call.started_at, local))
    legs = legs.where(*wanted.days(CallLeg.started_at, local))
    return [
        Reason(own, (Call.started_at, Call.id)),
        Reason(legs, (CallLeg.started_at, CallLeg.call_id)),
    ]


def _shown(user: User, wanted: CallFilter, local: LocalTime) -> ColumnElement[bool]:
    return and_(Call.is_own_leg.is_(False), *wanted.at_any_time(user, local))


def _besides(condition: ColumnElement[bool]) -> ColumnElement[bool]:
    """Ask a condition of each row that an index gives in order.

    Left to itself, SQLite would take an index of the condition and read the whole log by it, and
    PostgreSQL, who expects few rows to meet it, would sort all of them to find a page.
    """
    return case((condition, true()), else_=false())


def latest_of_contact(user: User, contact: Contact) -> Page[Call]:
    """Read the latest calls with a contact."""
    return _page(
        rights.allowed(user, Call, Verb.VIEW).where(with_contact(contact)), size=SHOWN_IN_A_BOX
    )


def latest_of_lead(user: User, lead: Lead) -> Page[Call]:
    """Read the latest calls about a lead, and with its contact."""
    condition: ColumnElement[bool] = Call.lead_id == lead.id
    if lead.own_number:
        is_to_number = Call.outside_number.in_(forms_of(lead.own_number))
        condition = or_(condition, is_to_number)
    if lead.contact is not None:
        condition = or_(condition, with_contact(lead.contact))
    return _page(rights.allowed(user, Call, Verb.VIEW).where(condition), size=SHOWN_IN_A_BOX)


def with_contact(contact: Contact) -> ColumnElement[bool]:
    """Say that a call was with a contact, also one from before the contact was known."""
    numbers = forms_of(*numbers_of(contact))
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


def possible_contacts(calls: Iterable[Call], user: User) -> dict[str, list[Contact]]:
    """Find whom a user sees behind the numbers of calls that no contact is attached to."""
    formats = {
        call.outside_number: equivalents(call.outside_number) for call in calls if _is_open(call)
    }
    if not formats:
        return {}
    numbers = {*formats, *chain.from_iterable(formats.values())}
    rows = db.session.execute(
        rights.allowed(user, Contact, Verb.VIEW)
        .add_columns(ContactPhone.number)
        .join(ContactPhone, Contact.id == ContactPhone.contact_id)
        .where(
            ContactPhone.number.in_(numbers),
            ~NotThisPerson.holds(ContactPhone.number, Contact.id),
        )
        .order_by(Contact.sort_name, Contact.id)
    )
    found: dict[str, list[Contact]] = {}
    for contact, number in rows:
        people = found.setdefault(number, [])
        if contact not in people:
            people.append(contact)
    for number, others in formats.items():
        people = list(dict.fromkeys(chain.from_iterable(found.get(other, []) for other in others)))
        # As for a call that rings: an equivalent number counts when exactly one contact has it.
        if number not in found and len(people) == 1:
            found[number] = people
    return found


def _is_open(call: Call) -> bool:
    return bool(call.outside_number) and call.contact_id is None and not call.contact_is_chosen


def _page(statement: Select[Call], cursor: str = "", size: int = PAGE_SIZE) -> Page[Call]:
    statement = statement.where(Call.is_own_leg.is_(False)).options(
        joinedload(Call.contact),
        joinedload(Call.user),
        selectinload(Call.legs).joinedload(CallLeg.user),
        selectinload(Call.write_ups).joinedload(CallWrapup.user),
    )
    return CallFilter.ORDERS["newest"].page(statement, cursor, size)
