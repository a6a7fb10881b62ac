"""Equivalent numbers: phones whose country writes them in two ways.

Argentina puts a 9 before mobile numbers dialled from abroad (15 at home), Brazil has given its
mobile numbers a ninth digit, Italy keeps the zero of its areas, Mexico has dropped the 1 before
mobile numbers. Exchanges and address books still use both.
"""

import re
from collections.abc import Callable

_Change = Callable[[re.Match[str]], str]
_PAIRS: tuple[tuple[re.Pattern[str], _Change], ...] = (
    (re.compile(r"\+549(\d{10})"), lambda found: f"+54{found[1]}"),
    (re.compile(r"\+54(?!9)(\d{10})"), lambda found: f"+549{found[1]}"),
    # Mobile numbers begin with 6 to 9; before the ninth digit they had eight.
    (re.compile(r"\+55([1-9]\d)9([6-9]\d{7})"), lambda found: f"+55{found[1]}{found[2]}"),
    (re.compile(r"\+55([1-9]\d)([6-9]\d{7})"), lambda found: f"+55{found[1]}9{found[2]}"),
    (re.compile(r"\+390(\d{5,10})"), lambda found: f"+39{found[1]}"),
    (re.compile(r"\+39([1-9]\d{4,9})"), lambda found: f"+390{found[1]}"),
    (re.compile(r"\+52(?:1|01|04[45])(\d{10})"), lambda found: f"+52{found[1]}"),
    (re.compile(r"\+52([2-9]\d{9})"), lambda found: f"+521{found[1]}"),
)
_AREA_AND_15 = re.compile(r"\+54(?P<area>\d{2,4})15(?P<rest>\d{6,8})")


def equivalents(number: str) -> list[str]:
    """List the other forms of an E.164 number in its country, none for most numbers."""
    if not number.startswith(("+54", "+55", "+39", "+52")):
        return []
    found = [change(match) for pattern, change in _PAIRS if (match := pattern.fullmatch(number))]
    area = _AREA_AND_15.fullmatch(number)
    if area and len(area["area"] + area["rest"]) == 10:
        found += [f"+549{area['area']}{area['rest']}", f"+54{area['area']}{area['rest']}"]
    return found


def forms_of(*numbers: str) -> list[str]:
    """List numbers and their other forms, each once, the smallest first: most of them are alone."""
    return sorted({form for number in numbers for form in (number, *equivalents(number))})
