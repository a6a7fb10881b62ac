"""What the database knows of a starting call, read by one statement: a caller hears silence."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from crm_app.calls.store import for_each, hot_sql
from crm_app.calls.store.hot_sql import Statement
from crm_app.contacts.numbers.caller import BY_TAIL, COLUMNS, TAILS, ask, asked_of, callers_in
from crm_app.office.services import parsed
from crm_app.phone_pairs import equivalents
from crm_app.telephony.routing import own_numbers, rules
from crm_app.telephony.routing.phones import KNOWN_FOR
from crm_app.telephony.routing.rules import Blocked, Colleague, Known, StartingCall
from crm_app.telephony.switches import Switches

if TYPE_CHECKING:
    from crm_app.contacts.numbers.caller import Caller

SHORTEST_PREFIX = 3
PREFIX_MARK = "*"
# A number in all its forms, and all its beginnings.
MOST_PATTERNS = 24
_PATTERNS = ", ".join(f":pattern_{place}" for place in range(MOST_PATTERNS))
# Stands where the statement that finds them is put, which is not the same on both engines.
_CALLERS = "the callers"
# One list costs PostgreSQL's driver less than its values one by one.
_IN_PATTERNS = hot_sql.in_pyformat(f"IN ({_PATTERNS})")
_BLOCKED = f"""
    (SELECT id FROM blocked_number
     WHERE pattern IN ({_PATTERNS}) AND (expires_at IS NULL OR expires_at > :at)
     ORDER BY length(pattern) DESC LIMIT 1)
"""  # noqa: S608 (our own words)
_NUMBER = f"""
    SELECT {{select}} b.id, b.pattern, b.reason, ({{is_own}}) {{more}}
    FROM {{source}} LEFT JOIN blocked_number b ON b.id = {_BLOCKED} {{joins}}
"""  # noqa: S608 (our own words)
_WHO = """,
    {u}.name, {u}.extension, {u}.active,
    {u}.away_since IS NOT NULL AND {u}.away_since <= :at
        AND ({u}.away_until IS NULL OR {u}.away_until > :at),
    CASE WHEN {p}.asked_at >= :known_since THEN {p}.is_registered END
"""
_PEOPLE = f"{_WHO.format(u='u', p='p')} {_WHO.format(u='d', p='e')}, h.week, h.holidays"
_JOINS = """
    LEFT JOIN "user" u ON u.id = {responsible}
    LEFT JOIN phone_state p ON p.extension = u.extension
    LEFT JOIN "user" d ON d.id = u.deputy_id
    LEFT JOIN phone_state e ON e.extension = d.extension
    LEFT JOIN office_hours h ON h.id = 1
"""


def _statements(
    more: str, joins: str, select: str = "", source: str = "(SELECT 1 AS one) AS one"
) -> dict[bool, Statement]:
    around = (
        _NUMBER.replace("{more}", more)
        .replace("{joins}", joins)
        .replace("{select}", select)
        .replace("{source}", source)
    )
    return {
        plus: replace(
            both := own_numbers.statement(around, has_plus=plus),
            postgresql=both.postgresql.replace(_IN_PATTERNS, "= ANY(%(patterns)s)"),
        )
        for plus in (False, True)
    }


# By whether the number has a plus.
_OF_NUMBER = _statements("", "")
_OF_CLIENT = _statements(_PEOPLE, _JOINS.format(responsible=":responsible"))
# Who calls is looked up in the same statement; a stranger is one row without a contact.
_WHO_CALLS = {
    plus: {name: sql.replace(_CALLERS, BY_TAIL[name]) for name, sql in asdict(both).items()}
    for plus, both in _statements(
        _PEOPLE,
        _JOINS.format(responsible="COALESCE(c.responsible_id, c.company_responsible_id)"),
        select="c.*, ", source=f"(SELECT 1 AS one) AS one LEFT JOIN ({_CALLERS}) AS c ON true",
    ).items()
}  # fmt: skip
_NUMBER_TYPES = {
    "at": "timestamptz", "known_since": "timestamptz", "forms": "text[]", "patterns": "text[]",
    "number": "text", **dict.fromkeys(TAILS, "text"),
}  # fmt: skip
# For many numbers with a plus.
WHO_CALLS_FOR_EACH = for_each.statement(
    f"SELECT given.place, answer.* FROM {for_each.given(_NUMBER_TYPES)},"  # noqa: S608 (our own words)
    f" LATERAL ({for_each.of_given(_WHO_CALLS[True]['postgresql'])}) AS answer"
)


def known_of(
    connection: Connection,
    call: StartingCall,
    switches: Switches,
    timezone: str,
    phones_at: datetime | None = None,
) -> Known:
    """Read all that the rules ask about a call, with one statement.

    `timezone` is the office's; `phones_at` the moment of which the phones' state is asked, by
    default that of the call.
    """
    if not call.number:
        return rules.NOTHING
    values = _values(connection, call.number, call.at, phones_at or call.at)
    responsible_id, has_plus = _whose(call.callers, switches), call.number.startswith("+")
    if responsible_id is None:
        (row,) = hot_sql.run(connection, _OF_NUMBER[has_plus], values)
        return _of_number(row)
    values["responsible"] = responsible_id
    (row,) = hot_sql.run(connection, _OF_CLIENT[has_plus], values)
    return _of_client(row, timezone, call.at)


class WhoCalls:
    """Finds who calls as `find_callers` does, and keeps what the rules ask of them.

    One statement fewer while a caller hears silence. `at` is the moment of the call.
    """

    def __init__(self, switches: Switches, timezone: str, at: datetime) -> None:
        self.switches, self._timezone, self._at = switches, timezone, at
        self._known: dict[str, Known] = {}
        self._asked: dict[str, list[Any]] = {}

    def __call__(self, connection: Connection, number: str) -> "list[Caller]":
        """Find the contacts that a number belongs to."""
        if not number:
            return []
        rows = self._asked.get(number)
        if rows is None:
            statements = _WHO_CALLS[number.startswith("+")]
            rows = ask(connection, number, statements, self._values(connection, number))
        # What is on the black list and what is ours does not depend on whose it is.
        self._known[number] = _of_number(rows[0][COLUMNS:])
        found = callers_in(rows, number)
        callers = [caller for caller, _ in found]
        wanted = _whose(callers, self.switches)
        for caller, row in found:
            if wanted is not None and rules.responsible_of([caller])[0] == wanted:
                self._known[number] = _of_client(row, self._timezone, self._at)
                break
        return callers

    @staticmethod
    def ask_ahead(connection: Connection, calls: "Sequence[tuple[WhoCalls, str]]") -> None:
        """Ask about the numbers of several calls with one statement, where that is quicker."""
        calls = [(who, number) for who, number in calls if number.startswith("+")]
        if not for_each.is_worth_it(connection, calls):
            return
        values = [{**who._values(connection, number), **asked_of(number)} for who, number in calls]
        for who, number in calls:
            who._asked[number] = []
        for place, *row in for_each.run(connection, WHO_CALLS_FOR_EACH, values):
            who, number = calls[place]
            who._asked[number].append(row)

    def known_of(self, connection: Connection, call: StartingCall) -> Known:
        """Tell what is known of a call, and ask where the look-up did not."""
        known = self._known.get(call.number)
        return known or known_of(connection, call, self.switches, self._timezone)

    def _values(self, connection: Connection, number: str) -> dict[str, object]:
        return _values(connection, number, self._at, self._at)


def _values(
    connection: Connection, number: str, at: datetime, phones_at: datetime
) -> dict[str, object]:
    return {
        "at": hot_sql.moment(connection, at),
        "known_since": hot_sql.moment(connection, phones_at - KNOWN_FOR),
        **own_numbers.values_of(connection, number),
        **hot_sql.listed(
            connection, "pattern", patterns_of(number)[:MOST_PATTERNS], MOST_PATTERNS, number
        ),
    }


def _of_number(row: Sequence[Any]) -> Known:
    return Known(blocked=_blocked(row[0:3]), is_own=bool(row[3]))


def _of_client(row: Sequence[Any], timezone: str, at: datetime) -> Known:
    return replace(
        _of_number(row),
        responsible=_colleague(row[4:9]),
        deputy=_colleague(row[9:14]),
        is_open=row[14] is None or parsed(timezone, row[14], row[15]).is_open(at),
    )


def _whose(callers: "Sequence[Caller]", switches: Switches) -> int | None:
    if switches.route_to_responsible == "off":
        return None
    return rules.responsible_of(callers)[0]


def patterns_of(number: str) -> list[str]:
    """List what the black list may hold of a number: its forms, and its beginnings with a star."""
    if not number.startswith("+"):
        return [number]
    starts = (number[:length] for length in range(SHORTEST_PREFIX, len(number) + 1))
    return [number, *equivalents(number), *(f"{start}{PREFIX_MARK}" for start in starts)]


def _blocked(row: Sequence[object]) -> Blocked | None:
    if row[0] is None:
        return None
    return Blocked(int(str(row[0])), str(row[1]), str(row[2]))


def _colleague(row: Sequence[object]) -> Colleague | None:
    name, extension, may_sign_in, is_away, is_registered = row
    if name is None:
        return None
    return Colleague(
        name=str(name),
        extension=str(extension or ""),
        may_sign_in=bool(may_sign_in),
        is_away=bool(is_away),
        is_registered=None if is_registered is None else bool(is_registered),
    )
