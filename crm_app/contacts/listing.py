"""The list of contacts: filters, orders, pages by key, counts that stop counting."""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Select, func, select, true
from sqlalchemy.orm import joinedload, selectinload

from crm_app import search_index, search_text
from crm_app.accounts import rights
from crm_app.accounts.models import User
from crm_app.accounts.rights import Verb
from crm_app.contacts.models import Contact, ContactKind
from crm_app.extensions import db
from crm_app.local_time import LocalTime
from crm_app.paging import Page, fetch_page
from crm_app.records.lists import ListFilter, SortOrder, belonging_to, flag, one_of, whose, words

MOST_COUNTED = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactFilter(ListFilter):
    """What of the contacts is wanted."""

    ORDERS = {
        "name": SortOrder((Contact.sort_name, Contact.id)),
        "newest": SortOrder((Contact.created_at, Contact.id), descending=True),
    }
    q: str = words()
    responsible: str = whose()
    kind: str = one_of(set(ContactKind))
    do_not_call: bool = flag()

    @property
    def prefill(self) -> dict[str, str]:
        """Return the searched text as the start of a new contact: its number or its name."""
        is_number = bool(self.q) and not any(sign.isalpha() for sign in self.q)
        return {"number" if is_number else "name": self.q}

    def conditions(self, user: User, local: LocalTime) -> list[ColumnElement[bool]]:
        """Return what must hold for a contact."""
        conditions = self.besides_words(user)
        if search_text.readings(self.q):
            conditions.append(search_index.holding(db.session(), Contact, self.q))
        return conditions

    def besides_words(self, user: User) -> list[ColumnElement[bool]]:
        """Return what must hold for a contact, apart from the words searched for."""
        conditions = belonging_to(Contact.responsible_id, self.responsible, user)
        if self.kind:
            conditions.append(Contact.kind == self.kind)
        if self.do_not_call:
            conditions.append(Contact.do_not_call == true())
        return conditions


@dataclass(frozen=True, slots=True)
class Listing:
    """One page of the list; `has_more` tells that counting stopped at `count`."""

    page: Page[Contact]
    count: int
    has_more: bool


def list_contacts(user: User, filters: ContactFilter, cursor: str = "") -> Listing:
    """Read one page of what a user may see and asked for.

    Of a search only the first `search_index.MOST_FOUND` matches are listed, on SQLite the newest:
    finding and sorting all of a common word would cost more with every contact that is added.
    """
    conditions = [rights.scope(user, Contact, Verb.VIEW), *filters.besides_words(user)]
    if search_text.readings(filters.q):
        most = search_index.MOST_FOUND
        ids = search_index.find_ids(
            db.session(),
            Contact,
            filters.q,
            *conditions,
            sort_name=Contact.sort_name,
            limit=most + 1,
        )
        count, has_more = min(len(ids), most), len(ids) > most
        statement = select(Contact).where(Contact.id.in_(ids[:most]))
    else:
        statement = select(Contact).where(*conditions)
        count, has_more = capped_count(statement)
    return Listing(_page(statement, filters.sort_order, cursor), count, has_more)


def people_of(company: Contact, user: User, cursor: str = "") -> Page[Contact]:
    """Read one page of those who work at a company, by name."""
    statement = (
        rights.allowed(user, Contact, Verb.VIEW)
        .where(Contact.company_id == company.id)
        .options(selectinload(Contact.phones))
    )
    return fetch_page(db.session(), statement, [Contact.sort_name, Contact.id], cursor=cursor)


def find_contacts(
    user: User, q: str, *, kind: ContactKind | None = None, limit: int = 8
) -> list[Contact]:
    """Find contacts while somebody types; names that begin with what is typed come first."""
    typed = " ".join(search_text.readings(q)[0]) if search_text.readings(q) else ""
    if not typed:
        return []
    conditions = [rights.scope(user, Contact, Verb.VIEW)]
    if kind is not None:
        conditions.append(Contact.kind == kind)
    beginning = select(Contact.id).where(
        *conditions, *search_index.prefix_range(Contact.sort_name, typed)
    )
    ids = list(db.session.scalars(beginning.order_by(Contact.sort_name, Contact.id).limit(limit)))
    if len(ids) < limit:
        ids += _candidates(q, conditions, limit)
    wanted = list(dict.fromkeys(ids))[:limit]
    found = db.session.scalars(
        select(Contact)
        .where(Contact.id.in_(wanted))
        .options(selectinload(Contact.phones), joinedload(Contact.company))
    )
    by_id = {contact.id: contact for contact in found}
    return [by_id[contact_id] for contact_id in wanted]


def _candidates(q: str, conditions: list[ColumnElement[bool]], limit: int) -> list[int]:
    """Find more than are wanted, and put those first whose own name holds what is typed."""
    most, session = limit * 4, db.session()
    by_name = {"sort_name": Contact.sort_name}
    ids = search_index.find_ids(session, Contact, q, *conditions, **by_name, limit=most)
    if len(ids) == most:
        # The people of a large company must not hide the company itself.
        is_company = Contact.kind == ContactKind.COMPANY
        ids += search_index.find_ids(
            session, Contact, q, *conditions, is_company, **by_name, limit=limit
        )
    rows = db.session.execute(select(Contact.id, Contact.sort_name).where(Contact.id.in_(ids)))
    names = {row[0]: row[1] for row in rows}
    terms = search_text.readings(q)[0]
    return sorted(ids, key=lambda contact_id: not all(t in names[contact_id] for t in terms))


def capped_count(statement: "Select[Contact]") -> tuple[int, bool]:
    """Count rows up to MOST_COUNTED; the second value tells that there are more."""
    few = statement.with_only_columns(Contact.id).limit(MOST_COUNTED + 1).subquery()
    count = db.session.scalar(select(func.count()).select_from(few)) or 0
    return min(count, MOST_COUNTED), count > MOST_COUNTED


def _page(statement: "Select[Contact]", order: SortOrder, cursor: str) -> Page[Contact]:
    statement = statement.options(
        selectinload(Contact.phones),
        joinedload(Contact.company).load_only(
            Contact.name, Contact.responsible_id, Contact.deleted_at
        ),
        joinedload(Contact.responsible),
    )
    return order.page(statement, cursor)
