"""What Zadarma's API answers about text messages."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from crm_app.telephony.zadarma.replies import Answer, UnreadableReplyError, text

_MOST_SENDERS = 50
_LONGEST_SENDER = 40


@dataclass(frozen=True, slots=True)
class SmsSent:
    """What became of a message to one number: its parts and cost, or why it was denied.

    `cost` is None where the API does not say; `sender` is under which one it went out.
    """

    parts: int
    cost: Decimal | None = None
    currency: str = ""
    sender: str = ""
    denied: str = ""


def sent(answer: Answer) -> SmsSent:
    """Read what became of a message that was sent to one number."""
    refused = _first(answer, "denied_numbers")
    if refused is not None:
        return SmsSent(0, denied=text(refused, "message") or "?")
    details = _first(answer, "sms_detalization") or {}
    # Older accounts call it otherwise.
    sender = text(details, "senderid") or text(details, "callerid")
    parts = text(answer, "messages")
    return SmsSent(
        int(parts) if parts.isdecimal() and len(parts) < 4 else 0,
        _cost(text(answer, "cost")),
        text(answer, "currency")[:8],
        sender[:_LONGEST_SENDER],
    )


def senders(answer: Answer) -> tuple[str, ...]:
    """Read under which numbers and words a message may go out."""
    found = answer.get("senders")
    if not isinstance(found, list):
        raise UnreadableReplyError("The list of senders is missing.")
    names = (str(one).strip() for one in found if isinstance(one, str | int))
    usable = [name for name in names if name and len(name) <= _LONGEST_SENDER]
    return tuple(dict.fromkeys(usable))[:_MOST_SENDERS]


def _first(answer: Answer, name: str) -> Answer | None:
    rows = answer.get(name)
    found = rows[0] if isinstance(rows, list) and rows else None
    return found if isinstance(found, Mapping) else None


def _cost(written: str) -> Decimal | None:
    try:
        cost = Decimal(written)
    except InvalidOperation:
        return None
    return cost if cost.is_finite() and 0 <= cost < 1_000_000 else None
