"""Who gets a message about a call-back, and whether it is still to be sent when its turn comes.

Each message is a job of its own: of one call-back, one step and one person.
"""

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum

from crm_app.accounts.models import User
from crm_app.callbacks.mails import letters
from crm_app.callbacks.models import CallBack
from crm_app.callbacks.rules import Rules
from crm_app.extensions import db
from crm_app.jobs import services as jobs
from crm_app.jobs.runner import Payload
from crm_app.mail import services as mail
from crm_app.mail.smtp import Letter

MAIL = "call_back_mail"


class Step(StrEnum):
    """What a message says of a call-back."""

    DUE = "due"
    LATE = "late"


def owe(row: CallBack, users: Iterable[int], step: Step, at: datetime, rules: Rules) -> None:
    """Note in the caller's transaction that users get a message, where that is switched on."""
    if not rules.sends_mail or not mail.is_set_up():
        return
    moment = at.isoformat()
    for user_id in users:
        payload = {"call_back": row.id, "user": user_id, "step": step.value, "at": moment}
        key = f"{MAIL}:{row.id}:{user_id}:{step}:{moment}"
        jobs.enqueue(db.session, MAIL, payload, key=key)


def letter(payload: Payload, origin: letters.Origin) -> Letter | None:
    """Write the message of a job; None when nobody needs it any more."""
    row = db.session.get(CallBack, payload["call_back"])
    user = db.session.get(User, payload["user"])
    step, at = Step(payload["step"]), datetime.fromisoformat(payload["at"])
    if row is None or user is None or not _is_wanted(row, user, step, at):
        return None
    return letters.write(row, user, origin, is_late=step is Step.LATE)


def _is_wanted(row: CallBack, user: User, step: Step, at: datetime) -> bool:
    """Whether a call-back waits as it did, and this user is still to hear of it."""
    # Somebody who was invited has not come in yet.
    if not row.is_open or not user.active or user.is_invited:
        return False
    if step is Step.LATE:
        return row.escalated_at == at and user.is_manager
    return row.reminded_at == at and row.holder_id in (None, user.id)
