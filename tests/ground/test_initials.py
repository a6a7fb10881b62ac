"""Initials are letters as people see them."""

import pytest

from crm_app.initials import initials


@pytest.mark.parametrize(
    ("name", "letters"),
    [
        ("Ana Maria Silva", "AS"),
        ("ana", "A"),
        ("🇵🇹 Rui", "🇵🇹R"),
        ("🇵🇹🇪🇸", "🇵🇹"),
        ("👩\u200d👩\u200d👧 Silva", "👩\u200d👩\u200d👧S"),
        ("👋🏽", "👋🏽"),
        ("E\u0301va O\u0308l", "E\u0301O\u0308"),
        ("(Ana) “Silva”", "AS"),
        ("नि शा", "निशा"),
        ("", ""),
        ("  ", ""),
    ],
)
def test_it_cuts_nothing_in_two(name: str, letters: str) -> None:
    assert initials(name) == letters
