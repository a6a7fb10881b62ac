"""What the office has decided about call-backs, for those who make and close them."""

from functools import partial

from flask_babel import force_locale
from flask_babel import gettext as _
from sqlalchemy import Select, select

from crm_app import clock
from crm_app.accounts.models import User
from crm_app.callbacks import clients
from crm_app.callbacks import services as call_backs
from crm_app.callbacks.models import CallBack, CallBackMiss
from crm_app.callbacks.rules import Rules
from crm_app.calls.models import Call
from crm_app.extensions import db
from crm_app.office.services import opening_hours
from crm_app.phone_pairs import forms_of
from crm_app.telephony.models import TelephonySettings
from crm_app.telephony.routing import black_list
from crm_app.telephony.routing.lookup import PREFIX_MARK
from crm_app.telephony.routing.own_numbers import is_own_number
from crm_app.web.display.formatting import LOCALES


def current(timezone: str) -> Rules:
    """Return the rules as they are now; `timezone` is the office's."""
    settings, connection = TelephonySettings.current(), db.session.connection()
    return Rules(
        on_since=settings.switched_on_at("call_backs"),
        minutes=settings.switches.call_back_minutes,
        ghost_seconds=settings.switches.ghost_seconds,
        hours=opening_hours(timezone),
        default_responsible_id=settings.default_responsible_id,
        is_own=partial(is_own_number, connection),
        sends_mail=settings.switches.is_on("call_back_email"),
        is_blocked=partial(black_list.refuses, connection, settings.switches),
    )


def finish_refused(pattern: str, by_id: int | None, rules: Rules, language: str) -> None:
    """Finish the open call-backs of who has called from numbers that nobody calls back any more.

    `pattern` is such a number, or the beginning of several as the black list has it. Who has called
    from another number, too, still waits. `language` is that of the reason.
    """
    if rules.on_since is None:
        return
    by = db.session.get(User, by_id) if by_id is not None else None
    for row in clients.locked(db.session.scalars(_waiting_for(pattern))).values():
        reason = _why_nobody_calls(row, rules, language) if row.is_open else ""
        if reason:
            call_backs.finish(row, reason, by)


def _waiting_for(pattern: str) -> "Select[int]":
    missed = select(CallBackMiss.call_back_id).distinct()
    missed = missed.join(Call, Call.id == CallBackMiss.call_id)
    missed = missed.join(CallBack, CallBack.id == CallBackMiss.call_back_id)
    missed = missed.where(CallBack.done_at.is_(None))
    if pattern.endswith(PREFIX_MARK):
        return missed.where(Call.outside_number.startswith(pattern.removesuffix(PREFIX_MARK)))
    return missed.where(Call.outside_number.in_(forms_of(pattern)))


def _why_nobody_calls(row: CallBack, rules: Rules, language: str) -> str:
    """Say why nobody calls back, "" where one of the numbers since the last talk is a client's."""
    numbers = {call.outside_number for call in clients.waiting_calls(row)}
    now = clock.now()
    if not numbers or not all(number and rules.is_no_client(number, now) for number in numbers):
        return ""
    with force_locale(LOCALES[language]):
        if any(rules.is_own(number) for number in numbers):
            return str(_("The number is the office's own."))
        return str(_("The number is on the black list."))
