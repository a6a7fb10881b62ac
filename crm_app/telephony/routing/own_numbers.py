"""Which numbers are the office's own: these are never clients, and cannot be blocked."""

from typing import Any

from sqlalchemy import Connection, event, inspect
from sqlalchemy.orm import Mapper

from crm_app.accounts.models import User
from crm_app.calls.store import hot_sql
from crm_app.calls.store.hot_sql import Statement
from crm_app.jobs import services as jobs
from crm_app.phone_pairs import equivalents
from crm_app.telephony.models import DirectNumber

# The job that finishes the call-backs of numbers that are no client's any more.
NO_CLIENT = "no_client"

# A number and its other forms.
MOST_FORMS = 4
_FORMS = ", ".join(f":form_{place}" for place in range(MOST_FORMS))
# A number with a plus is never an extension, and an extension never one of the others.
_WITH_PLUS = f"""
    EXISTS (SELECT 1 FROM direct_number WHERE number IN ({_FORMS}))
    OR EXISTS (SELECT 1 FROM "user" WHERE active AND mobile IN ({_FORMS}))
"""  # noqa: S608 (our own words)
_SHORT = f"""
    EXISTS (SELECT 1 FROM "user" WHERE extension IN ({_FORMS}))
    OR EXISTS (SELECT 1 FROM telephony_settings, {{each}} WHERE {{value}} IN ({_FORMS}))
"""  # noqa: S608 (our own words)
_SHORT_ON_SQLITE = _SHORT.format(each="json_each(extensions_json) AS listed", value="listed.value")
_SHORT_ON_POSTGRESQL = _SHORT.format(
    each="json_array_elements_text(CAST(extensions_json AS json)) AS listed", value="listed"
)


def statement(around: str, *, has_plus: bool) -> Statement:
    """Build a statement that asks whether a number is ours where `around` says `{is_own}`."""
    on_sqlite, on_postgresql = (
        (_WITH_PLUS, _WITH_PLUS) if has_plus else (_SHORT_ON_SQLITE, _SHORT_ON_POSTGRESQL)
    )
    return Statement(
        around.format(is_own=on_sqlite),
        hot_sql.in_pyformat(
            around.format(is_own=on_postgresql).replace(f"IN ({_FORMS})", "= ANY(:forms)")
        ),
    )


_STATEMENTS = {
    has_plus: statement("SELECT {is_own}", has_plus=has_plus) for has_plus in (False, True)
}


def is_own_number(connection: Connection, number: str) -> bool:
    """Whether a number is an extension, a direct number of the PBX or a colleague's mobile.

    `number` is in E.164 or short; "" is nobody's.
    """
    if not number:
        return False
    statement = _STATEMENTS[number.startswith("+")]
    ((is_own,),) = hot_sql.run(connection, statement, values_of(connection, number))
    return bool(is_own)


def values_of(connection: Connection, number: str) -> dict[str, object]:
    """Return the values for the statement: a number in all forms that mean the same phone."""
    forms = [number, *equivalents(number)][:MOST_FORMS]
    return hot_sql.listed(connection, "form", forms, MOST_FORMS, number)


def finish_call_backs_later(connection: Connection, pattern: str, by_id: int | None = None) -> None:
    """Let the open call-backs of a number, or of all that begin alike, be finished soon.

    `by_id` is the user who has said that nobody calls it back.
    """
    payload = {"pattern": pattern, "by": by_id}
    jobs.enqueue(connection, NO_CLIENT, payload, key=f"{NO_CLIENT}:{pattern}")


def _on_line(_mapper: Mapper[Any], connection: Connection, line: DirectNumber) -> None:
    finish_call_backs_later(connection, line.number)


def _on_user(_mapper: Mapper[Any], connection: Connection, user: User) -> None:
    changed = inspect(user).attrs
    if user.mobile and (
        changed.mobile.history.has_changes() or changed.active.history.has_changes()
    ):
        finish_call_backs_later(connection, user.mobile)


event.listen(DirectNumber, "after_insert", _on_line)
event.listen(User, "after_insert", _on_user)
event.listen(User, "after_update", _on_user)
