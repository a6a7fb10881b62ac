"""The job that sends one message about a call-back."""

import threading
from datetime import timedelta

from flask import current_app

from crm_app import database
from crm_app.callbacks.mails import letters, owed
from crm_app.config import Config
from crm_app.extensions import db
from crm_app.jobs.runner import Kind, NextStep, Payload
from crm_app.mail import sending
from crm_app.mail.smtp import Letter
from crm_app.telephony.models import TelephonySettings

# A slow mail server keeps one thread of the worker, and the other goes on with the calls.
_is_sending = threading.Lock()
_COMES_BACK_IN = timedelta(seconds=1)
_OTHERS_SEND = "others send"


def send(payload: Payload) -> str:
    """Send the message if it is still wanted; one at a time in each process."""
    if not _is_sending.acquire(blocking=False):
        return _OTHERS_SEND
    try:
        letter = _letter(payload)
        if letter is not None:
            sending.send(letter, current_app.extensions["vault"])
        return ""
    finally:
        _is_sending.release()


def _letter(payload: Payload) -> Letter | None:
    """Write the message, if it is still wanted and switched on; the transaction is over then."""
    config: Config = current_app.extensions["settings"]
    with database.reading():
        switches = TelephonySettings.current().switches
        is_on = switches.is_on("call_backs") and switches.is_on("call_back_email")
        origin = letters.Origin(config.base_url, config.default_language)
        letter = owed.letter(payload, origin) if is_on else None
        db.session.rollback()
    return letter


def note(payload: Payload, sent: str) -> NextStep | None:
    """Nothing is left to do, unless it was not this message's turn."""
    return NextStep(payload, _COMES_BACK_IN) if sent == _OTHERS_SEND else None


KINDS = (
    Kind(
        owed.MAIL,
        note,
        lease=timedelta(minutes=5),
        fetch=send,
        longest_pause=timedelta(minutes=15),
    ),
)
