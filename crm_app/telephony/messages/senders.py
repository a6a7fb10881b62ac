"""Under which senders messages may go out: asked of the PBX by a job, kept by country."""

import contextlib
from collections.abc import Iterable
from datetime import timedelta

import phonenumbers
import structlog
from flask import current_app
from sqlalchemy import select

from crm_app import clock
from crm_app.calls.fold.facts import Direction
from crm_app.extensions import db
from crm_app.jobs import services as jobs
from crm_app.jobs.runner import Kind, Payload
from crm_app.telephony.connection import LinkCache, client_for
from crm_app.telephony.messages.models import Message
from crm_app.telephony.models import LampState
from crm_app.telephony.zadarma.errors import ZadarmaError

# Asked again each day; and at once for a country that nobody has written to.
JOB, JOB_FOR_ONE = "message_senders", "message_senders_of"
KEPT_AS = "sms_senders"
MOST_COUNTRIES = 10
_LOOKS_BACK = timedelta(days=90)
log = structlog.get_logger(__name__)

# By calling code: the answer depends on the country of whom one writes to.
Senders = dict[str, list[str]]


def calling_code(number: str) -> str:
    """Give the calling code of a number in E.164, "" for a short one."""
    try:
        return str(phonenumbers.parse(number, None).country_code)
    except phonenumbers.NumberParseException:
        return ""


def known_for(number: str) -> list[str]:
    """List the senders for a number, as the PBX answered last; none before it was asked."""
    kept = db.session.get(LampState, KEPT_AS)
    senders: Senders = kept.details.get("senders", {}) if kept is not None else {}
    return senders.get(calling_code(number), [])


def ask_for(number: str) -> None:
    """Let the worker ask for the country of a number unless it is known; the caller commits."""
    code = calling_code(number)
    if code and not known_for(number):
        jobs.enqueue(db.session, JOB_FOR_ONE, {"number": number}, key=f"{JOB_FOR_ONE} {code}")


def fetch(payload: Payload) -> Senders:
    """Ask the PBX for one country, or for those that the office writes to."""
    links: LinkCache = current_app.extensions["telephony_links"]
    link = links.read()
    config, counter = current_app.extensions["settings"], current_app.extensions["counter"]
    client = client_for(link, config, counter)
    if client is None or not link.switches.is_on("sms"):
        return {}
    number = payload.get("number")
    numbers = [number] if number else _numbers()
    db.session.rollback()
    found: Senders = {}
    with contextlib.closing(client):
        for one in numbers:
            try:
                found[calling_code(one)] = list(client.sms_senders(one))
            except ZadarmaError as error:
                if not error.is_permanent:
                    raise
                # An account that may not send at all, or not to there.
                log.warning("no senders of messages", code=error.code, answer=error.message)
                found[calling_code(one)] = []
    return found


def keep(_payload: Payload, found: Senders) -> None:
    """Store what the PBX answered."""
    if not found:
        return
    kept = db.session.get(LampState, KEPT_AS)
    before: Senders = kept.details.get("senders", {}) if kept is not None else {}
    LampState.put(KEPT_AS, "ok", senders={**before, **found})


def _numbers() -> Iterable[str]:
    """Give one number of each country that the office writes to, its own country's first."""
    example = phonenumbers.example_number_for_type(
        current_app.config["DEFAULT_COUNTRY"], phonenumbers.PhoneNumberType.MOBILE
    )
    written = select(Message.number).where(
        Message.direction == Direction.OUTBOUND, Message.at > clock.now() - _LOOKS_BACK
    )
    numbers = list(db.session.scalars(written.order_by(Message.at.desc()).limit(500)))
    if example is not None:
        numbers.insert(0, phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164))
    countries: dict[str, str] = {}
    for number in numbers:
        countries.setdefault(calling_code(number), number)
    return [number for code, number in countries.items() if code][:MOST_COUNTRIES]


KINDS = (
    Kind(JOB, keep, every=timedelta(days=1), fetch=fetch),
    Kind(JOB_FOR_ONE, keep, fetch=fetch),
)
