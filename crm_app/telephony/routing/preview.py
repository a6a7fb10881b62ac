"""What would happen if somebody rang: the rules asked as for a call, with nothing stored."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from crm_app import clock, phone_numbers
from crm_app.contacts.numbers.caller import find_callers
from crm_app.errors import InvalidInputError
from crm_app.telephony.routing.lookup import known_of
from crm_app.telephony.routing.rules import Decision, StartingCall, decide
from crm_app.telephony.switches import Switches


@dataclass(frozen=True, slots=True)
class Office:
    """What the settings say of the office: its country's two letters and its time zone."""

    country: str
    timezone: str


@dataclass(frozen=True, slots=True)
class Preview:
    """A call that nobody made, and what the PBX would be answered."""

    call: StartingCall
    decision: Decision

    @property
    def answer(self) -> dict[str, str | int]:
        """The very JSON that the webhook would answer."""
        return self.decision.reply.to_json()


def preview(
    connection: Connection,
    office: Office,
    switches: Switches,
    typed: str,
    line: str = "",
    at: datetime | None = None,
) -> Preview:
    """Ask the rules about a number as people write it ("" hides it), a line and a moment.

    The moment decides presence, hours and black list; phones are as they are now. Raises
    InvalidInputError on `number` or `line` with the codes of `phone_numbers.read`.
    """
    number = _read(typed, office.country, "number")
    now = clock.now()
    call = StartingCall(
        number=number,
        line=_read(line, office.country, "line"),
        at=at or now,
        callers=tuple(find_callers(connection, number)),
    )
    known = known_of(connection, call, switches, office.timezone, phones_at=now)
    return Preview(call, decide(call, switches, known))


def _read(typed: str, country: str, field: str) -> str:
    text = typed.strip()
    if not text or text == "0":
        return ""
    try:
        return phone_numbers.parse(text, country)
    except InvalidInputError as error:
        raise InvalidInputError(error.code, field, **error.details) from None
