"""Into how many parts the phone network cuts a text message, each of which costs money.

The alphabet and the sizes are those of 3GPP TS 23.038, section 6.2.1, and TS 23.040, 9.2.3.24.1: a
part holds 160 characters of the GSM alphabet, or 70 units of UTF-16 when one character is not in
it; of a message of several parts each holds 153 or 67, because it also says which part it is.
"""

from dataclasses import dataclass

_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
# These take the place of two.
_EXTENDED = frozenset("\f^{}\\[~]|€")
_ALPHABET = _BASIC | _EXTENDED
_MOST_NAMED = 5


@dataclass(frozen=True, slots=True)
class Size:
    """How long a message is: its parts, and how many characters the last one has room for.

    `odd` are the first characters that are not in the GSM alphabet, so that a part holds 70.
    """

    parts: int
    left: int
    odd: tuple[str, ...] = ()

    @property
    def is_short_alphabet(self) -> bool:
        """Whether a part holds as much as it can."""
        return not self.odd


def size_of(text: str) -> Size:
    """Count the parts of a message; an empty one has none."""
    odd = tuple(dict.fromkeys(sign for sign in text if sign not in _ALPHABET))
    if odd:
        # Two units for what is beyond the first plane, such as most emoji.
        sizes = [1 + (ord(sign) > 0xFFFF) for sign in text]
        single, many = 70, 67
    else:
        sizes = [1 + (sign in _EXTENDED) for sign in text]
        single, many = 160, 153
    total = sum(sizes)
    if total <= single:
        return Size(1 if text else 0, single - total, odd[:_MOST_NAMED])
    parts, left = 1, many
    for size in sizes:
        # What takes two places is never cut in the middle.
        if size > left:
            parts, left = parts + 1, many
        left -= size
    return Size(parts, left, odd[:_MOST_NAMED])
