"""The words of a message about a call-back, in the language of who gets it."""

from dataclasses import dataclass
from datetime import datetime

from flask_babel import force_locale, ngettext
from flask_babel import gettext as _

from crm_app.accounts.models import User
from crm_app.callbacks.models import CallBack
from crm_app.mail.services import office_name
from crm_app.mail.smtp import Letter, one_line
from crm_app.web.display.formatting import LOCALES, clock_time, day, phone


@dataclass(frozen=True, slots=True)
class Origin:
    """The address at which people reach this office, and the language of who has chosen none."""

    address: str
    language: str


def write(row: CallBack, user: User, origin: Origin, *, is_late: bool) -> Letter:
    """Write to a user that a call-back is due, or that it is late; times are the office's."""
    with force_locale(LOCALES[user.language or origin.language]):
        who = _client(row)
        late = _("Late: call back %(who)s", who=who)
        step = "late" if is_late else "due"
        moment = row.escalated_at if is_late else row.reminded_at
        stamp = int(moment.timestamp()) if moment else 0
        return Letter(
            to=user.email,
            to_name=user.name,
            from_name=office_name(),
            subject=late if is_late else _("Call back %(who)s", who=who),
            text=_text(row, user, f"{origin.address}/callbacks/{row.id}", is_late=is_late),
            key=f"ramal-call-back-{row.id}-{step}-{stamp}-{user.id}",
        )


def _text(row: CallBack, user: User, link: str, *, is_late: bool) -> str:
    holder = row.holder
    whose = one_line(holder.name) if holder else _("the pool")
    lines = [
        (_("Client"), _client(row)),
        (_("Number"), phone(row.number)),
        (_("Waiting since"), _moment(row.first_missed_at)),
        (_("Calls missed"), str(row.misses)),
        (_("Tries"), _tries(row)),
        (_("Due"), _moment(row.due_at)),
        (_("Whose"), whose),
    ]
    first = (
        _("This client still waits for a call back, and nobody has reached them in time.")
        if is_late
        else _("This client waits for a call back, and it is due now.")
    )
    listed = "\n".join(f"{name}: {value}" for name, value in lines if value)
    greeting = _("Hello %(name)s,", name=one_line(user.name))
    last = _("Ramal sends such messages because an administrator has switched them on.")
    return f"{greeting}\n\n{first}\n\n{listed}\n\n{link}\n\n-- \n{last}\n"


def _client(row: CallBack) -> str:
    """Name a client as the queue does; one in the bin has a number only."""
    contact = row.contact
    if contact is None or contact.deleted_at is not None:
        return phone(row.number) or str(_("A client"))
    return one_line(contact.name)


def _tries(row: CallBack) -> str:
    if not row.tries:
        return str(_("none yet"))
    tries: str = ngettext("%(num)d try", "%(num)d tries", row.tries)
    if row.tried_at is None:
        return tries
    by = one_line(row.tried_by.name) if row.tried_by else ""
    moment = _moment(row.tried_at)
    if by:
        words = _("%(tries)s, the last one by %(who)s: %(when)s", tries=tries, who=by, when=moment)
    else:
        words = _("%(tries)s, the last one: %(when)s", tries=tries, when=moment)
    return str(words)


def _moment(moment: datetime) -> str:
    return f"{day(moment)}, {clock_time(moment)}"
