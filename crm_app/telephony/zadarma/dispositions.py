"""How a call ended, in our words."""

from collections.abc import Mapping
from typing import Literal

Disposition = Literal[
    "",
    "answered",
    "busy",
    "cancelled",
    "no_answer",
    "failed",
    "no_money",
    "limit",
    "unallocated",
]

_DISPOSITIONS: Mapping[str, Disposition] = {
    "answered": "answered",
    "answer": "answered",
    "busy": "busy",
    "cancel": "cancelled",
    "cancelled": "cancelled",
    "canceled": "cancelled",
    "no answer": "no_answer",
    "noanswer": "no_answer",
    "failed": "failed",
    "call failed": "failed",
    "no money": "no_money",
    "no money, no limit": "no_money",
    "no limit": "limit",
    "no day limit": "limit",
    "line limit": "limit",
    "unallocated number": "unallocated",
}


def disposition_from(text: str) -> Disposition:
    """Translate the PBX's word for how a call ended; empty if unknown or absent."""
    return _DISPOSITIONS.get(" ".join(text.casefold().replace("_", " ").split()), "")
