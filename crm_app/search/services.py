"""What is found over all kinds of records."""

from dataclasses import dataclass

from sqlalchemy import exists, func, select
from sqlalchemy.orm import contains_eager, joinedload, selectinload

from crm_app import phone_numbers, search_index
from crm_app.accounts import rights
from crm_app.accounts.models import User
from crm_app.accounts.rights import Verb
from crm_app.calls.models import Call, CallWrapup
from crm_app.contacts.listing import find_contacts
from crm_app.contacts.models import Contact, ContactKind
from crm_app.errors import InvalidInputError
from crm_app.extensions import db
from crm_app.leads.models import Lead
from crm_app.recordings.models import Recording, Transcript


@dataclass(frozen=True, slots=True)
class Hits:
    """The contacts, leads and written-up calls that fit, the best first."""

    contacts: list[Contact]
    leads: list[Lead]
    write_ups: list[CallWrapup]
    said: list[Transcript]

    @property
    def people(self) -> list[Contact]:
        """Return the human beings among the contacts."""
        return [contact for contact in self.contacts if contact.kind == ContactKind.PERSON]

    @property
    def companies(self) -> list[Contact]:
        """Return the organisations among the contacts."""
        return [contact for contact in self.contacts if contact.kind == ContactKind.COMPANY]

    @property
    def count(self) -> int:
        """Return how many there are altogether."""
        return len(self.contacts) + len(self.leads) + len(self.write_ups) + len(self.said)


@dataclass(frozen=True, slots=True)
class Stranger:
    """A number that is in no record, and what the log has of it."""

    number: str
    calls: int
    last_call_id: int | None


def stranger_of(user: User, q: str, country: str) -> Stranger | None:
    """Read what was typed as a number that no contact has; None when it is no number.

    Calls are those that the user may see.
    """
    try:
        number = phone_numbers.read(q, country).number
    except InvalidInputError:
        return None
    theirs = rights.allowed(user, Call, Verb.VIEW).where(Call.outside_number == number).subquery()
    count, last = db.session.execute(select(func.count(), func.max(theirs.c.id))).one()
    return Stranger(number, count, last)


def find(user: User, q: str, limit: int) -> Hits:
    """Find what a user may see by part of a name, company, e-mail, title or any phone's digits.

    Calls are found by what was noted about them, and by what was said in those that they may hear.
    At most `limit` of each; leads are also found by who they are for.
    """
    contacts = find_contacts(user, q, limit=limit)
    return Hits(
        contacts,
        _find_leads(user, q, contacts, limit),
        _find_write_ups(user, q, limit),
        _find_said(user, q, limit),
    )


def _find_write_ups(user: User, q: str, limit: int) -> list[CallWrapup]:
    is_seen = exists().where(Call.id == CallWrapup.call_id, rights.scope(user, Call, Verb.VIEW))
    ids = search_index.find_ids(
        db.session(), CallWrapup, q, CallWrapup.saved_at.is_not(None), is_seen, limit=limit
    )
    if not ids:
        return []
    found = db.session.scalars(
        select(CallWrapup)
        .join(Call, Call.id == CallWrapup.call_id)
        .where(CallWrapup.id.in_(ids))
        .order_by(Call.started_at.desc(), CallWrapup.id.desc())
        .options(
            contains_eager(CallWrapup.call).joinedload(Call.contact), joinedload(CallWrapup.user)
        )
    )
    return list(found)


def _find_said(user: User, q: str, limit: int) -> list[Transcript]:
    is_heard = exists().where(
        Recording.id == Transcript.recording_id,
        Call.id == Recording.call_id,
        rights.scope(user, Call, Verb.VIEW),
        rights.scope(user, Call, Verb.LISTEN),
    )
    ids = search_index.find_ids(db.session(), Transcript, q, is_heard, limit=limit)
    if not ids:
        return []
    found = db.session.scalars(
        select(Transcript)
        .join(Transcript.recording)
        .join(Recording.call)
        .where(Transcript.id.in_(ids))
        .order_by(Call.started_at.desc(), Transcript.id.desc())
        .options(
            contains_eager(Transcript.recording)
            .contains_eager(Recording.call)
            .joinedload(Call.contact)
        )
    )
    return list(found)


def _find_leads(user: User, q: str, contacts: list[Contact], limit: int) -> list[Lead]:
    is_seen = rights.scope(user, Lead, Verb.VIEW)
    ids = search_index.find_ids(
        db.session(), Lead, q, is_seen, sort_name=Lead.sort_title, limit=limit
    )
    if len(ids) < limit and contacts:
        theirs = select(Lead.id).where(
            is_seen, Lead.contact_id.in_([contact.id for contact in contacts])
        )
        ids += db.session.scalars(theirs.order_by(Lead.id.desc()).limit(limit)).all()
    wanted = list(dict.fromkeys(ids))[:limit]
    found = db.session.scalars(
        select(Lead)
        .where(Lead.id.in_(wanted))
        .options(
            joinedload(Lead.stage),
            joinedload(Lead.contact).options(selectinload(Contact.phones)),
        )
    )
    by_id = {lead.id: lead for lead in found}
    return [by_id[lead_id] for lead_id in wanted]
