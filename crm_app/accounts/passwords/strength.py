"""How hard a password is to guess: zxcvbn's estimate, plus words obvious in this office."""

import re
import unicodedata
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

# What zxcvbn calls "safely unguessable" lies between 10^8 and 10^10 guesses.
ENOUGH_GUESSES = 10**9
MANY_GUESSES = 10**12
# Words this short ("Ana", "com") occur in too many good passwords.
SHORT_WORD = 3
# The length that must remain when the owner's short words are removed.
LEAST_REST = 8
PRODUCT = ("ramal", "zadarma")
# The time for an estimate grows with the square of the length.
_LOOKED_AT = 40
# Characters that may stand for letters: zxcvbn tries all readings, which takes seconds if many.
_DISGUISES = "@({[<!|$+%"
_MOST_DISGUISES = 2
_PLAIN_SIGNS = {ord(sign): chr(0xE000 + place) for place, sign in enumerate(_DISGUISES)}
_FIRST_YEAR, _LAST_YEAR = 1930, 2049
_WORD = re.compile(r"[^\W_]+")


def guesses(password: str, words: Iterable[str] = ()) -> int:
    """Estimate how many guesses a password takes from somebody who knows these words."""
    ends = {password[:_LOOKED_AT], password[-_LOOKED_AT:]}
    return max(_guesses(end, words) for end in ends)


def words_of(*texts: str) -> list[str]:
    """Split texts (a name, an e-mail, a host) into distinct case-folded words."""
    found = [word for text in texts for word in _WORD.findall(folded(text))]
    return list(dict.fromkeys(word for word in found if len(word) > 1 and not word.isdigit()))


def word_inside(password: str, words: Iterable[str]) -> str:
    """Return the word that makes up a password, "" when there is none.

    A longer word counts anywhere in it; a short one only when little else remains.
    """
    plain = folded(password)
    bare = "".join(filter(str.isalnum, plain))
    longest_first = sorted(words, key=len, reverse=True)
    rest = bare
    for word in longest_first:
        if len(word) > SHORT_WORD and (word in plain or word in bare):
            return word
        rest = rest.replace(word, "")
    if rest != bare and len(rest) < LEAST_REST:
        return next(word for word in longest_first if word in bare)
    return ""


def folded(text: str) -> str:
    """Return a text without case and accents."""
    decomposed = unicodedata.normalize("NFKD", text).casefold()
    return "".join(sign for sign in decomposed if not unicodedata.combining(sign))


def _guesses(password: str, words: Iterable[str]) -> int:
    # Imported here: its lists take 12 MiB, and most processes never see a new password.
    from zxcvbn.matching import build_ranked_dict, omnimatch
    from zxcvbn.scoring import most_guessable_match_sequence

    if len(set(password).intersection(_DISGUISES)) > _MOST_DISGUISES:
        password = password.translate(_PLAIN_SIGNS)
    # zxcvbn's own function would add one person's words to a dictionary shared by all calls.
    dictionaries = {**_dictionaries(), "own": build_ranked_dict(list(words))}
    found = most_guessable_match_sequence(password, omnimatch(password, dictionaries))
    return int(found["guesses"])


@cache
def _dictionaries() -> dict[str, Any]:
    from zxcvbn.matching import RANKED_DICTIONARIES, build_ranked_dict

    here = Path(__file__).with_name("common_passwords.txt").read_text(encoding="utf-8").split()
    # zxcvbn knows the years up to 2019.
    years = [str(year) for year in range(_LAST_YEAR, _FIRST_YEAR - 1, -1)]
    lists = {"here": build_ranked_dict(here), "years": build_ranked_dict(years)}
    return {**RANKED_DICTIONARIES, **lists}
