"""The one telephone number in a text, and what else it says: a name, a dial code, more digits.

Nothing is picked out of words: `MEO123` is a name, `+351912345678 (Studio 54)` holds one number.
"""

import re
import unicodedata
from dataclasses import dataclass
from urllib.parse import unquote

# With fewer digits beside words it is not a number: a year, a floor, a house.
_FEWEST_BESIDE_WORDS = 7
_FEWEST_IN_BRACKETS = 3
_LONGEST_TEXT = 255
# E.164 has no more.
MOST_DIGITS = 15

# Marks of writing direction and the like, which come along when a number is copied from a page.
_UNSEEN = {"Cc", "Cf", "Cs"}
_IN_ANGLES = re.compile(r"(?P<name>[^<]*)<(?P<inner>[^<>]*)>")
_SCHEME = re.compile(r"(?:sips?|tel|callto|phone):(?://)?", re.IGNORECASE)
_AFTER_ADDRESS = re.compile(r"[@;?]")
# What the PBX nearly always sends.
_PLAIN = re.compile(r"\+?[1-9][0-9]{2,14}")
_PIECE = r"\+?[\d\s().\-/]*\d[\d\s().\-/]*"
_WHOLE = re.compile(rf"[(\s]*{_PIECE}")
# A number inside a text: no letter may touch it.
_RUN = re.compile(r"(?<![^\W_])(?:\(?\+)?\(?\d[\d\s().\-/]*\d(?![^\W_])")
_IN_BRACKETS = re.compile(r"\(([^()]*)\)")
# `*31#`, `#31#`, `**21*`; without a sign at its end a code has two digits: `*67912345678`.
_CODE = re.compile(r"(?:[*#]{1,2}\d{2,3}[*#]|\*\d{2})\s*(?=[+(\d*#])")
# What a phone dials once the other side has answered, or the end of a code.
_AFTER = re.compile(
    r"[\s]*(?:[,wp*#]|(?:ext(?:ension|\.)?|x|ramal)[\s.:]*(?=\d))[\s\d,wp*#.]*$", re.I
)
_NOT_DIGITS = re.compile(r"\D")
_WORDS = re.compile(r"[^\W\d_]+")
_HIDDEN_WORDS = {
    *("anonymous", "anonymously", "unknown", "private", "restricted", "unavailable", "withheld"),
    *("blocked", "hidden", "caller", "id", "number", "no", "none", "null", "undefined", "not"),
    *("available", "invalid", "user", "withhold", "nobody", "secret", "suppressed"),
    *("anonimo", "desconhecido", "privado", "particular", "oculto", "numero", "restrito"),
    *("indisponivel", "bloqueado", "desconocido", "restringido"),
    *("anonyme", "inconnu", "masque", "anonym", "unbekannt", "unterdruckt", "sconosciuto"),
}
_SPELT_ON_KEYS = ("anonymous", "restricted", "unavailable", "unknown", "blocked", "private")
_KEYS = str.maketrans("abcdefghijklmnopqrstuvwxyz", "22233344455566677778889999")
# Exchanges spell the word on the keys where only digits fit. No country has such a number.
HIDDEN_NUMBERS = frozenset("+" + word.translate(_KEYS) for word in _SPELT_ON_KEYS)


@dataclass(frozen=True, slots=True)
class Found:
    """What a text holds: `number` is digits, perhaps behind a plus, "" when there is none.

    `written` is the number as it stood there; `name` what stands in place of a number or beside
    it; `code` what was dialled before and behind it; `has_more` says that there are more digits.
    """

    number: str = ""
    written: str = ""
    name: str = ""
    code: str = ""
    has_more: bool = False


def find(text: str) -> Found:
    """Find the number in a text: alone, in `<…>`, before `@`, `;` or `(`, or between words.

    A hidden number (zeros, `Anonymous`, `+266696687`) has neither number nor name.
    """
    if _PLAIN.fullmatch(text) and text not in HIDDEN_NUMBERS:
        return Found(text, text)
    plain = plainly(text)
    if len(plain) > _LONGEST_TEXT:
        return Found(name=plain[:_LONGEST_TEXT])
    name, address, angles = "", plain, _IN_ANGLES.search(plain)
    if angles:
        name, address = angles["name"].strip(" \"'"), angles["inner"]
    address = unquote(_SCHEME.sub("", address.strip(), count=1))
    head, *tail = _AFTER_ADDRESS.split(address, maxsplit=1)
    found = _whole(head) or _beside_words(head)
    if found is None:
        return Found(name=_shown(name or head))
    if found.number and not found.number.strip("+0"):
        return Found(name=_shown(name))
    if "+" + found.number.removeprefix("+").removeprefix("00") in HIDDEN_NUMBERS and (
        found.number.startswith(("+", "00"))
    ):
        return Found(name=_shown(name))
    more = found.has_more or any(_has_extension(part) or _is_number(part) for part in tail)
    return Found(found.number, found.written, name or found.name, found.code, more)


def plainly(text: str) -> str:
    """Write a text with the digits and signs of a keyboard, and without what nobody sees."""
    if text.isascii() and text.isprintable():
        return text.strip()
    signs = []
    for sign in unicodedata.normalize("NFKC", text):
        if sign in "\r\n\t":
            signs.append("\n" if sign == "\n" else " ")
        elif (digit := unicodedata.decimal(sign, None)) is not None:
            signs.append(str(digit))
        elif unicodedata.category(sign) == "Pd" or sign == "−":
            signs.append("-")
        elif unicodedata.category(sign) not in _UNSEEN:
            signs.append(sign)
    return "".join(signs).strip()


def _whole(text: str) -> Found | None:
    """Read a text that is nothing but a number, with a dial code at most; of several the first."""
    before, rest = "", text.strip()
    while (code := _CODE.match(rest)) is not None:
        before, rest = before + code[0].strip(), rest[code.end() :]
    after = _AFTER.search(rest)
    if after and after.start():
        rest = rest[: after.start()]
    written = rest.strip()
    # `*123*1#` asks the network something; there is no number in it.
    is_code = before and len(_NOT_DIGITS.sub("", written)) < _FEWEST_IN_BRACKETS
    if is_code or not _WHOLE.fullmatch(written):
        return None
    extra = after[0].strip() if after and after.start() else ""
    # The sign that ends a code says nothing about the number.
    has_more = bool(_NOT_DIGITS.sub("", extra)) and not before
    first = _first_of(written)
    around = f"{before}…{extra}" if before and extra else before + extra
    return Found(_digits(first), first, code=around, has_more=has_more or first != written)


def _first_of(written: str) -> str:
    """Return the first of several numbers that only a slash, a line or a space keeps apart."""
    if len(_NOT_DIGITS.sub("", written)) <= MOST_DIGITS:
        return written
    separators: tuple[str | None, ...] = ("/", "\n", None)
    for between in separators:
        parts = [part for part in written.split(between) if _digits(part)]
        if len(parts) > 1 and all(len(_digits(part)) >= _FEWEST_BESIDE_WORDS for part in parts):
            return parts[0].strip()
    return written


def _is_number(text: str) -> bool:
    return bool(_WHOLE.fullmatch(text.strip())) and len(_digits(text)) >= _FEWEST_IN_BRACKETS


def _beside_words(text: str) -> Found | None:
    """Find the number before a bracket, else in one, else the first long one between words."""
    before, bracket, behind = text.partition("(")
    if bracket and before.strip():
        found = _whole(before)
        if found is not None:
            is_label = bool(_WORDS.search(behind)) and not _has_extension(behind)
            more = found.has_more or (bool(_digits(behind)) and not is_label)
            return Found(found.number, found.written, _shown(behind.strip(" )")), found.code, more)
        for inner in _IN_BRACKETS.findall(text):
            found = _whole(inner)
            if found is not None and len(found.number) >= _FEWEST_IN_BRACKETS:
                more = bool(_RUN.search(before)) and _digits(before) != found.number
                return Found(found.number, found.written, _shown(before), found.code, more)
    for run in _RUN.finditer(text):
        written = _first_of(run[0].strip())
        if len(_digits(written)) >= _FEWEST_BESIDE_WORDS:
            rest = text[: run.start()] + " " + text[run.start() + len(written) :]
            return Found(_digits(written), written, has_more=bool(re.search(r"\d", rest)))
    return None


def _digits(text: str) -> str:
    digits = _NOT_DIGITS.sub("", text)
    return "+" + digits if text.lstrip(" (").startswith("+") and digits else digits


def _has_extension(text: str) -> bool:
    return bool(
        re.search(r"\b(?:ext(?:ension|\.)?|ramal|isub|postd)[\s.:=]*\d", text, re.IGNORECASE)
    )


def _shown(text: str) -> str:
    """Return a name that stands for a number, "" when its words only say that there is none."""
    name = " ".join(text.split()).strip(" \"'")
    if not re.search(r"[^\W_]", name):
        return ""
    words = unicodedata.normalize("NFKD", name.casefold())
    bare = "".join(sign for sign in words if not unicodedata.combining(sign))
    is_hidden = not re.search(r"[1-9]", bare) and _HIDDEN_WORDS.issuperset(_WORDS.findall(bare))
    return "" if is_hidden or not bare.strip("0 ") else name
