"""The sentences about call-backs, and what the choices on their page mean."""

from datetime import UTC, datetime, timedelta
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from crm_app import clock
from crm_app.accounts.models import User
from crm_app.callbacks.listing import Row
from crm_app.callbacks.models import CallBackEvent, EventKind
from crm_app.errors import InvalidInputError
from crm_app.local_time import LocalTime
from crm_app.web.display.formatting import phone, when

AGES: dict[str, Any] = {
    "soon": _l("In time"),
    "due": _l("Due now"),
    "late": _l("Late"),
    "escalated": _l("Late, with the managers"),
    "later": _l("Put off for now"),
    "done": _l("Done"),
}
# What is usually said where there was no talk.
REASONS: tuple[Any, ...] = (
    _l("Settled in writing"),
    _l("Wrong number"),
    _l("Needs no call any more"),
)

# Until when a call-back is put off.
CHOICES: dict[str, Any] = {
    "hour": _l("1 hour"),
    "tomorrow": _l("Tomorrow"),
    "monday": _l("Monday"),
}
_MORNING = timedelta(hours=9)


def moment_of(choice: str, local: LocalTime) -> datetime:
    """Return the moment of a choice, or of a local time as browsers send it; else one in the past.

    Days begin at nine for somebody who wants to call.
    """
    if choice == "hour":
        return local.now + timedelta(hours=1)
    if choice == "tomorrow":
        return local.midnight(local.today + timedelta(days=1)) + _MORNING
    if choice == "monday":
        days = 7 - local.today.weekday()
        return local.midnight(local.today + timedelta(days=days)) + _MORNING
    try:
        typed = datetime.fromisoformat(choice)
    except ValueError:
        return local.now
    return typed if typed.tzinfo else typed.replace(tzinfo=local.zone).astimezone(UTC)


def refusal(error: InvalidInputError) -> str:
    """Say why something was not done."""
    if error.code == "taken":
        since: Any = error.details["since"]
        return str(_("%(who)s took it at %(when)s.", who=error.details["who"], when=when(since)))
    return str(_REFUSALS[error.code]) % error.details


_REFUSALS: dict[str, Any] = {
    "done": _l("This call-back is done already."),
    "changed": _l("Somebody has put it off again since."),
    "owner_unknown": _l("This person no longer exists. Choose another one."),
    "reason_empty": _l("Say why it is done."),
    "text_empty": _l("Write something first."),
    "too_long": _l("Use at most %(limit)s characters."),
    "snooze_past": _l("Choose a later time."),
}


def lent_sentence(owner: User, deputy: User | None) -> str:
    """Say who is to call while the owner is gone, and why."""
    if deputy is not None:
        return str(_("%(deputy)s stands in for %(who)s", deputy=deputy.name, who=owner.name))
    if owner.is_away(clock.now()):
        return str(_("In the pool while %(who)s is away", who=owner.name))
    return str(_("In the pool while %(who)s is not signed in", who=owner.name))


def reminder(row: Row) -> dict[str, str]:
    """Write a reminder: whom to call back, and since when they wait."""
    call_back = row.call_back
    who = row.contact.name if row.contact else phone(call_back.number)
    return {
        "title": _("Call back %(who)s", who=who),
        "text": _("Missed %(when)s", when=when(call_back.missed_at)),
        "state": call_back.state,
    }


def event_sentence(event: CallBackEvent) -> str:
    """Say what happened; who did it stands beside it."""
    other = event.other.name if event.other else _("the pool")
    until = when(event.until) if event.until else ""
    words = {
        EventKind.OPENED: _("Missed: to be called back"),
        EventKind.TALKED: _("Talked with the client"),
        EventKind.WITHDRAWN: _("Withdrawn: no call was missed after all"),
        EventKind.TAKEN: _("Took it"),
        EventKind.RELEASED: _("Released it"),
        EventKind.NOT_CALLED: _("Released: no call came of it"),
        EventKind.REASSIGNED: _("Gave it to %(who)s", who=other),
        EventKind.SNOOZED: _("Put it off until %(when)s", when=until),
        EventKind.UNSNOOZED: _("Took the delay back"),
        EventKind.DONE: _("Done without a talk"),
        EventKind.REOPENED: _("Opened it again"),
        EventKind.JOINED: _("Joined with what waited for another number"),
        EventKind.ESCALATED: _("Late: the managers were notified"),
        EventKind.LEFT: _("Released, as %(who)s is away", who=other),
        EventKind.LEFT_UNSEEN: _("Released, as %(who)s is not signed in", who=other),
        EventKind.LENT: _("Lent while %(who)s is away", who=other),
        EventKind.LENT_UNSEEN: _("Lent while %(who)s is not signed in", who=other),
        EventKind.RETURNED: _("Back with %(who)s", who=other),
        EventKind.NOTED: _("Note"),
    }
    return str(words[EventKind(event.kind)])
