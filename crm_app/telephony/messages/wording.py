"""The sentences about text messages."""

from decimal import Decimal
from typing import Any

from flask_babel import format_currency, ngettext
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from crm_app.errors import InvalidInputError
from crm_app.telephony import wording
from crm_app.telephony.messages.models import Message, MessageState
from crm_app.telephony.messages.parts import Size
from crm_app.text import isolated
from crm_app.web.display.formatting import phone
from crm_app.web.wording import NUMBER_REASONS, reason

REFUSALS: dict[str, Any] = {
    **NUMBER_REASONS,
    "number_own": _l("This is a number of your own office."),
    "message_empty": _l("Write something first."),
    "sender_unknown": _l("The PBX does not allow this sender any more. Choose another one."),
    "do_not_call": _l("This contact asked not to be called. Send the message anyway?"),
    "not_connected": _l("The telephony is not connected. Ask an administrator to connect it."),
}
UNCERTAIN = _l(
    "Zadarma did not answer clearly: nobody knows whether this was sent. Ask the client before you "
    "send it again."
)


def refusal(error: InvalidInputError) -> str:
    """Say why a message is not sent, or what must be confirmed first."""
    if error.code == "too_many_parts":
        most = error.details["most"]
        return str(_("This is too long. Use at most %(most)s parts.", most=most))
    return str(REFUSALS.get(error.code) or reason(error))


def too_many(seconds: int) -> str:
    """Say that a user sent too many messages, and when to try again."""
    return str(
        ngettext(
            "Too many messages in a short time. Try again in %(num)d minute.",
            "Too many messages in a short time. Try again in %(num)d minutes.",
            -(-seconds // 60),
        )
    )


def length(size: Size) -> str:
    """Say how many parts a message has, and what makes them shorter."""
    said = ngettext("%(num)d part", "%(num)d parts", size.parts)
    room = ngettext("room for %(num)d character", "room for %(num)d characters", size.left)
    if size.is_short_alphabet:
        return f"{said}, {room}"
    why = _("with %(signs)s only 70 characters fit into a part", signs=" ".join(size.odd))
    return f"{said}, {room}; {why}"


def price(message: Message) -> str:
    """Give what a message cost, "" where the PBX did not say."""
    return money(message.price, message.currency) if message.price is not None else ""


def estimate(last: Message | None, parts: int) -> str:
    """Say what a message will cost by what the last one to that country did, "" if unknown."""
    if last is None or last.price is None or not parts:
        return ""
    about = money(last.price / last.parts * parts, last.currency)
    return str(_("about %(price)s, by the last one to this country", price=about))


def money(amount: Decimal, currency: str) -> str:
    """Write what a message costs."""
    # Not every account has a currency that the language knows.
    is_code = len(currency) == 3 and currency.isalpha()
    return str(format_currency(amount, currency)) if is_code else f"{amount:f} {currency}".strip()


def state(message: Message) -> str:
    """Say what became of a message."""
    if message.is_uncertain:
        return str(UNCERTAIN)
    if message.state == MessageState.SENDING:
        return str(_("Being sent…"))
    if message.state == MessageState.FAILED:
        return f"{_('Not sent.')} {_why(message)}"
    return ""


def notice(message: Message) -> dict[str, str]:
    """Give the words of a notice about a message that came in."""
    client = message.client
    who = client.name if client is not None else phone(message.number)
    text = message.text if len(message.text) <= 200 else f"{message.text[:199]}…"
    return {"title": _("Message from %(who)s", who=isolated(who)), "text": text}


def _why(message: Message) -> str:
    if message.error_code == "denied":
        return str(_("The PBX says: %(words)s", words=isolated(message.error_words)))
    return wording.api_sentence(message.error_code)
