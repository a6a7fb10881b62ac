"""What phones can show of the names of callers."""

from collections.abc import Sequence

from anyascii import anyascii

from crm_app.telephony.zadarma.answers import MAX_NAME_LENGTH


def name_to_show(names: Sequence[str], *, is_plain: bool = False) -> str:
    """Join the names of all who share a number, cut to what a phone can show.

    With `is_plain` in the letters that every phone has: Łuk is Luk, Иван is Ivan.
    """
    written = (_plain(name) if is_plain else name for name in names)
    different = list(dict.fromkeys(" ".join(name.split()) for name in written if name.strip()))
    if len(different) < 2:
        return "".join(different)[:MAX_NAME_LENGTH].strip()
    more = f" +{len(different) - 1}"
    return different[0][: MAX_NAME_LENGTH - len(more)].strip() + more


def _plain(name: str) -> str:
    return name if name.isascii() else anyascii(name)
