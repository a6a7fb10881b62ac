"""A message is cut into the parts that the phone network makes of it."""

import pytest

from crm_app.telephony.messages.parts import size_of


@pytest.mark.parametrize(
    ("text", "parts", "left"),
    [
        ("", 0, 160),
        ("a" * 160, 1, 0),
        ("a" * 161, 2, 145),
        ("a" * 306, 2, 0),
        ("a" * 307, 3, 152),
        # These are in the short alphabet; those in brackets take the place of two.
        ("Ç à é ñ ü ß Ω £\n", 1, 144),
        ("€" * 80, 1, 0),
        ("€" * 81, 2, 143),
        # The sign that does not fit goes to the next part whole.
        ("a" * 152 + "€" + "a" * 20, 2, 131),
        ("ã" * 70, 1, 0),
        ("ã" * 71, 2, 63),
        ("ã" * 134, 2, 0),
        ("😀" * 35, 1, 0),
        ("😀" * 36, 2, 61),
        ("ã" * 66 + "😀" + "ã" * 10, 2, 55),
    ],
)
def test_parts_are_counted_as_the_standard_says(text: str, parts: int, left: int) -> None:
    size = size_of(text)
    assert (size.parts, size.left) == (parts, left)


def test_it_names_the_signs_that_make_it_long_once_each() -> None:
    assert size_of("Olá, João, até já").odd == ("á", "ã")
    assert size_of("Ola, Joao, até Ç").odd == ()
