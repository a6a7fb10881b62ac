"""The one or two letters that stand for a name."""

import regex


def initials(name: str) -> str:
    """Return the first letters of a name's first and last word, with their combining marks.

    A word without letters or digits gives its first symbol: a flag is not cut in two.
    """
    words = name.split()
    return "".join(_first_sign(word) for word in (*words[:1], *words[1:][-1:])).upper()


def _first_sign(word: str) -> str:
    signs: list[str] = regex.findall(r"\X", word)
    return next((sign for sign in signs if sign[0].isalnum()), signs[0] if signs else "")
