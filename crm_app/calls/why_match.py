"""Why a call is with whom it is: which number of whom, how it was read, or who chose."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from crm_app.accounts.models import User
from crm_app.calls.models import Call, CallFact
from crm_app.contacts.models import Contact, ContactPhone
from crm_app.contacts.numbers.caller import TAIL_LENGTH
from crm_app.extensions import db
from crm_app.journal.kinds import RecordKind
from crm_app.journal.models import JournalEntry
from crm_app.phone_pairs import equivalents

# Of one call people change their minds a few times.
MOST_CHOICES = 20


@dataclass(frozen=True, slots=True)
class Match:
    """Why a call is with somebody, as a code that pages word.

    chosen, clicked: by a person, `by` if it is known who. exact, format, tail: `number` is the
    contact's. past: the contact has no such number any more. later: nobody had it then. shared,
    nobody, hidden: it is with no contact. `other` is the second reading of the call's number.
    """

    how: str
    contact: Contact | None = None
    number: str = ""
    by: User | None = None
    at: datetime | None = None
    other: str = ""

    @property
    def may_be_taken_back(self) -> bool:
        """Whether the number can decide again."""
        return self.how in ("chosen", "clicked")


def explain(
    call: Call, contact: Contact | None, known: Sequence[Contact], facts: Iterable[CallFact]
) -> Match:
    """Say why a call is with `contact`; `known` are those who have its number by now."""
    other = _other_reading(call, facts)
    if call.contact_is_chosen:
        entry = _choice(call)
        by, at = (entry.user, entry.at) if entry is not None else (None, None)
        return Match("chosen" if entry is not None else "clicked", contact, by=by, at=at)
    if contact is not None:
        how, number = _by_number(call.outside_number, _numbers(contact))
        return Match(how, contact, number, other=other)
    if not call.outside_number:
        return Match("hidden")
    if len(known) == 1:
        how, number = _by_number(call.outside_number, _numbers(known[0]))
        return Match("later", known[0], number, other=other)
    return Match("shared" if known else "nobody", number=call.outside_number, other=other)


def _choice(call: Call) -> JournalEntry | None:
    entries = JournalEntry.of(RecordKind.CALL, call.id).limit(MOST_CHOICES)
    wanted = [call.contact_id, True]
    for entry in db.session.scalars(entries):
        change = entry.changes.get("contact")
        if change is not None and change["new"].get("value") == wanted:
            return entry
    return None


def _numbers(contact: Contact) -> list[str]:
    theirs = select(ContactPhone.number).where(ContactPhone.contact_id == contact.id)
    return list(db.session.scalars(theirs.order_by(ContactPhone.position, ContactPhone.id)))


def _by_number(number: str, theirs: list[str]) -> tuple[str, str]:
    """Find which of a contact's numbers it was, and how the two were compared."""
    if number in theirs:
        return "exact", number
    same = next((one for one in theirs if one in equivalents(number)), "")
    if same:
        return "format", same
    tail = number[-TAIL_LENGTH:]
    ends = next((one for one in theirs if len(tail) == TAIL_LENGTH and one.endswith(tail)), "")
    return ("tail", ends) if ends else ("past", number)


def _other_reading(call: Call, facts: Iterable[CallFact]) -> str:
    for row in facts:
        for number in row.fact.readings if call.outside_number in row.fact.readings else ():
            if number not in ("", call.outside_number):
                return number
    return ""
