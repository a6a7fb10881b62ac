"""Which missed calls are called back, when that is due, and which talks count: pure decisions."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from crm_app.calls.fold.facts import Direction, Disposition
from crm_app.calls.models import Call
from crm_app.office.hours import OpeningHours


def _nobody(_number: str, _at: datetime) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Rules:
    """What the office has decided about call-backs.

    `on_since` is None while they are switched off. `is_own` says whether a number is one of the
    office's own, `is_blocked` whether a call of it at a moment is to be refused, `sends_mail`
    whether reminders go out by e-mail, too.
    """

    on_since: datetime | None
    minutes: int
    ghost_seconds: int
    hours: OpeningHours
    default_responsible_id: int | None
    is_own: Callable[[str], bool]
    sends_mail: bool = False
    is_blocked: Callable[[str, datetime], bool] = _nobody

    def asks_for(self, call: Call) -> bool:
        """Whether the client of a call is to be called back because of it."""
        return (
            self.on_since is not None
            and call.started_at >= self.on_since
            and call.is_missed
            and call.direction == Direction.INBOUND
            and not self.is_ghost(call)
            and (call.contact_id is not None or bool(call.outside_number))
            and not self.is_no_client(call.outside_number, call.started_at)
        )

    def is_no_client(self, number: str, at: datetime) -> bool:
        """Whether a number that called at a moment is one that nobody calls back; "" is none.

        That a call was to be refused is asked of the list: the refusal is no part of a call of
        which the start was lost, or that the statistics alone tell of.
        """
        return bool(number) and (self.is_own(number) or self.is_blocked(number, at))

    def is_ghost(self, call: Call) -> bool:
        """Whether the caller gave up after a ring too short to be meant.

        Only a ring whose whole length was heard is one: a client who is forgotten costs more than
        one who is called for nothing.
        """
        if call.disposition != Disposition.CANCELLED or call.ring_seconds is None:
            return False
        return call.ring_seconds < self.ghost_seconds

    def due(self, missed_at: datetime) -> datetime:
        """When a client missed at a moment is to be called: within minutes, or at opening."""
        if not self.hours.is_open(missed_at):
            return self.hours.next_opening(missed_at)
        return self.hours.add(missed_at, timedelta(minutes=self.minutes))
