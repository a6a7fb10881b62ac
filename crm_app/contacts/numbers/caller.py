"""Who a number belongs to: the look-up that a ringing phone waits for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, select, text
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
_COLUMNS = 7


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
        .outerjoin(company, company.id == Contact.company_id)
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
_TAILS = [f"tail_{place}" for place in range(_MOST_TAILS)]


def find_callers(connection: Connection, number: str) -> list[Caller]:
    """Find the contacts, bin excluded, that a number belongs to; real names come first.

    `number` is E.164 or an outside short number. When none has exactly this one, a contact with
    an equivalent number matches if exactly one contact has it. Else the last nine digits
    decide if exactly one contact fits and the two numbers are not both valid, for then they are
    two phones (rule of the protocol notes §4.4, which knows that national numbers arrive with a
    missing or wrong country code). Of whom somebody said "not this person" is left out.
    """
    return [caller for caller, _ in find_by(connection, number, BY_TAIL, {})]


def find_by(
    connection: Connection, number: str, statements: Mapping[str, str], values: Mapping[str, object]
) -> list[tuple[Caller, Sequence[Any]]]:
    """Find callers by a statement around `BY_TAIL`, each with what it asks more.

    `statements` has the words for each engine, `values` what they need beside the number.
    """
    if not number:
        return []
    others = equivalents(number)
    found = _ask(connection, statements[connection.dialect.name], [number, *others], values)
    rows = (
        [row for row in found if row[5] == number]
        or _only_one([row for row in found if row[5] in others])
        or _by_tail(found, number)
    )
    callers = {row[0]: (_caller(row), row[_COLUMNS:]) for row in rows}
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


def _ask(
    connection: Connection, statement: str, formats: list[str], more: Mapping[str, object]
) -> list[Any]:
    # Straight to the driver: a caller hears silence until it answers.
    cursor = connection.connection.cursor()
    try:
        tails = dict.fromkeys(one[-TAIL_LENGTH:] for one in formats)
        values = {**more, "number": formats[0]}
        values |= dict.fromkeys(_TAILS, formats[0][-TAIL_LENGTH:])
        values |= zip(_TAILS, tails, strict=False)
        cursor.execute(statement, values)
        # What stands around it need not keep the order: those with the whole number come first.
        return sorted(cursor.fetchall(), key=lambda row: (row[5] != formats[0], row[0]))
    finally:
        cursor.close()


def _caller(row: Any) -> Caller:
    return Caller(
        contact_id=row[0],
        name=row[1],
        company_name=row[2] or "",
        responsible_id=row[3],
        do_not_call=bool(row[4]),
        company_responsible_id=row[6],
    )
