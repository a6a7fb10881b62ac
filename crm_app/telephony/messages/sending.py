"""A message from the click to the PBX's answer: a conversation in committed steps.

The API must never be asked inside a transaction, so this is no verb: it commits between its steps.
"""

from dataclasses import dataclass

import structlog
from limits import RateLimitItemPerHour, RateLimitItemPerMinute

from crm_app import phone_numbers
from crm_app.contacts.numbers.caller import find_callers
from crm_app.counting import Counter
from crm_app.errors import InvalidInputError
from crm_app.extensions import db
from crm_app.telephony.messages import senders, services
from crm_app.telephony.messages.models import Message, MessageState
from crm_app.telephony.messages.parts import size_of
from crm_app.telephony.messages.services import NewMessage
from crm_app.telephony.routing.own_numbers import is_own_number
from crm_app.telephony.zadarma.client import ZadarmaClient
from crm_app.telephony.zadarma.errors import ZadarmaError
from crm_app.text import required

PER_MINUTE = RateLimitItemPerMinute(10, 1, "message")
PER_HOUR = RateLimitItemPerHour(100, 1, "message")
MOST_PARTS = 8
# The shortest number that the API takes.
_LEAST_DIGITS = 7
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Typed:
    """What a user typed: the number in any format, of the country in two letters by default.

    The contact is one that the user may see; `is_confirmed` overrules a do-not-call mark.
    """

    user_id: int
    number: str
    text: str
    country: str
    sender: str = ""
    contact_id: int | None = None
    is_confirmed: bool = False


def seconds_to_wait(user_id: int, counter: Counter) -> int:
    """Count a message and give the seconds that its user must wait, 0 for none.

    Call it outside a transaction: it may use the network.
    """
    return counter.seconds_to_wait((PER_MINUTE, PER_HOUR), str(user_id))


def check(typed: Typed) -> NewMessage:
    """Read what was typed, and ask what must be confirmed.

    Raises InvalidInputError on `number` (those of phone_numbers.read, number_own), on `text`
    (message_empty, too_many_parts), on `sender` (sender_unknown), or on `confirm` (do_not_call).
    """
    number = _read_number(typed)
    text = required(typed.text, "message_empty", "text")
    if size_of(text).parts > MOST_PARTS:
        raise InvalidInputError("too_many_parts", "text", most=MOST_PARTS)
    if typed.sender and typed.sender not in senders.known_for(number):
        raise InvalidInputError("sender_unknown", "sender")
    callers = find_callers(db.session.connection(), number)
    if not typed.is_confirmed and any(caller.do_not_call for caller in callers):
        raise InvalidInputError("do_not_call", "confirm", number=number)
    contact_id = typed.contact_id
    if contact_id is None and len(callers) == 1:
        contact_id = callers[0].contact_id
    return NewMessage(typed.user_id, number, text, typed.sender, contact_id)


def write(asked: NewMessage) -> Message:
    """Write a message down before it is sent; the caller commits, then sends it."""
    senders.ask_for(asked.number)
    return services.write(asked, size_of(asked.text).parts)


def send(message_id: int, client: ZadarmaClient) -> None:
    """Send a message that is written down and committed; nobody ever does so twice. Commits.

    A server that is stopped before the answer comes leaves it as uncertain.
    """
    message = db.session.get_one(Message, message_id)
    number, text, sender = message.number, message.text, message.line
    db.session.rollback()
    try:
        sent = client.send_sms(number, text, sender)
    except ZadarmaError as error:
        log.warning("message not sent", code=error.code, answer=error.message)
        state = MessageState.UNCERTAIN if error.may_have_happened else MessageState.FAILED
        services.settle(message_id, state, error.code)
    else:
        state = MessageState.FAILED if sent.denied else MessageState.SENT
        services.settle(message_id, state, "denied" if sent.denied else "", sent)
    db.session.commit()


def _read_number(typed: Typed) -> str:
    try:
        number = phone_numbers.parse(typed.number, typed.country)
    except InvalidInputError as error:
        raise InvalidInputError(error.code, "number") from error
    if len(number.lstrip("+")) < _LEAST_DIGITS:
        raise InvalidInputError("number_too_short", "number")
    if is_own_number(db.session.connection(), number):
        raise InvalidInputError("number_own", "number")
    return number
