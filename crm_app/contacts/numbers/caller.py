"""Who a number belongs to: the look-up that a ringing phone waits for."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, and_, bindparam, select, text
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.orm import aliased

from crm_app import phone_numbers
from crm_app.contacts.models import Contact, ContactPhone, NotThisPerson, is_name
from crm_app.phone_pairs import equivalents

TAIL_LENGTH = 9
MOST_CALLERS = 20
# A number and its other formats have at most two different endings, Argentina's three.
_MOST_TAILS = 3
# How many columns the statement has, before those that another asks more.
COLUMNS = 7


@dataclass(frozen=True, slots=True)
class Caller:
    """What is shown and decided about one contact whose phone this is."""

    contact_id: int
    name: str
    company_name: str
    responsible_id: int | None
    do_not_call: bool
    # Of a person whose company has one.
    company_responsible_id: int | None = None

    @property
    def is_named(self) -> bool:
        """Whether the name is more than the number it was first known by."""
        return is_name(self.name)


def _statement() -> dict[str, str]:
    """Return the statement in the words of each engine; those with the whole number come first.

    It is built at import: building it each time costs many times what the database needs for it.
    """
    company = aliased(Contact)
    statement = (
        select(
            Contact.id,
            Contact.name,
            company.name.label("company_name"),
            Contact.responsible_id,
            Contact.do_not_call,
            ContactPhone.number,
            company.responsible_id.label("company_responsible_id"),
        )
        .select_from(ContactPhone)
        .join(Contact, Contact.id == ContactPhone.contact_id)
        # One in the bin neither names its people nor gets their calls.
        .outerjoin(company, and_(company.id == Contact.company_id, company.deleted_at.is_(None)))
        .where(
            ContactPhone.tail.in_([bindparam(f"tail_{place}") for place in range(_MOST_TAILS)]),
            Contact.deleted_at.is_(None),
            ~NotThisPerson.holds(bindparam("number"), Contact.id),
        )
        .order_by((ContactPhone.number == bindparam("number")).desc(), Contact.id)
        .suffix_with(text(f"LIMIT {MOST_CALLERS}"))
    )
    dialects = {
        "sqlite": SQLiteDialect_pysqlite(paramstyle="named"),
        "postgresql": PGDialect_psycopg(paramstyle="pyformat"),  # type: ignore[no-untyped-call]
    }
    return {name: str(statement.compile(dialect=words)) for name, words in dialects.items()}


# By the engine's name. Another statement may stand around it, whose rows begin with these columns.
BY_TAIL = _statement()
TAILS = [f"tail_{place}" for place in range(_MOST_TAILS)]


def find_callers(connection: Connection, number: str) -> list[Caller]:
    """Find the contacts, bin excluded, that a number belongs to; real names come first.

    `number` is E.164 or an outside short number. When none has exactly this one, a contact with
    an equivalent number matches if exactly one contact has it. Else the last nine digits
    decide if exactly one contact fits and the two numbers are not both valid, for then they are
    two phones (rule of the protocol notes §4.4, which knows that national numbers arrive with a
    missing or wrong country code). Of whom somebody said "not this person" is left out.
    """
    if not number:
        return []
    rows = ask(connection, number, BY_TAIL, {})
    return [caller for caller, _ in callers_in(rows, number)]


def ask(
    connection: Connection, number: str, statements: Mapping[str, str], more: Mapping[str, object]
) -> list[Any]:
    """Ask who may have a number, by a statement around `BY_TAIL`.

    `statements` has the words for each engine, `more` what they need beside the number.
    """
    # Straight to the driver: a caller hears silence until it answers.
    cursor = connection.connection.cursor()
    try:
        cursor.execute(statements[connection.dialect.name], {**more, **asked_of(number)})
        return list(cursor.fetchall())
    finally:
        cursor.close()


def asked_of(number: str) -> dict[str, str]:
    """Return the values that `BY_TAIL` needs of a number."""
    tails = dict.fromkeys(one[-TAIL_LENGTH:] for one in (number, *equivalents(number)))
    values = dict.fromkeys(TAILS, number[-TAIL_LENGTH:]) | dict(zip(TAILS, tails, strict=False))
    return {"number": number, **values}


def callers_in(rows: Iterable[Any], number: str) -> list[tuple[Caller, Sequence[Any]]]:
    """Choose those who have the number from what was asked, each with what was asked more.

    Rows without a contact are nobody's.
    """
    others = equivalents(number)
    # What stands around the statement need not keep the order: the whole number comes first.
    found = sorted(
        (row for row in rows if row[0] is not None), key=lambda row: (row[5] != number, row[0])
    )
    chosen = (
        [row for row in found if row[5] == number]
        or _only_one([row for row in found if row[5] in others])
        or _by_tail(found, number)
    )
    callers = {row[0]: (_caller(row), row[COLUMNS:]) for row in chosen}
    return sorted(callers.values(), key=lambda found: not found[0].is_named)


def _by_tail(found: list[Any], number: str) -> list[Any]:
    if len(number) <= TAIL_LENGTH:
        return []
    is_valid = phone_numbers.is_valid(number)
    tail = number[-TAIL_LENGTH:]
    return _only_one(
        [
            row
            for row in found
            if row[5].endswith(tail) and not (is_valid and phone_numbers.is_valid(row[5]))
        ]
    )


def _only_one(rows: list[Any]) -> list[Any]:
    """Return the rows if they are all of one contact."""
    return rows if len({row[0] for row in rows}) == 1 else []


def _caller(row: Any) -> Caller:
    return Caller(
        contact_id=row[0],
        name=row[1],
        company_name=row[2] or "",
        responsible_id=row[3],
        do_not_call=bool(row[4]),
        company_responsible_id=row[6],
    )
