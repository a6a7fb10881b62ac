"""What nobody sees is no text, and no text turns what stands around it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_app.errors import InvalidInputError
from crm_app.text import clean, is_visible, isolated, required

NOTHING_TO_SEE = [
    "",
    " \t\r\n",
    "\u00a0\u2003\u202f\u3000",
    "\u200b",
    "\u200b\u200c\u200d",
    "\ufeff",
    "\u00ad\u2060\u2063",
    "\u202e\u202c",
    "\u2066\u2069\u200e\u200f\u061c",
    "\u3164\u115f\u1160\uffa0",
    "\u2800\u2800",
    "\ufe0f\U000e0100",
    "\u180e\u034f\u17b4",
    "\U000e0041\U000e007f",
    "\x00\x07\x1b\x7f\x85",
    "\u2028\u2029",
]
# Words that need an invisible sign inside, or look as if they were nothing.
KEPT = [
    "Ana",
    "می\u200cخواهم",
    "ක්\u200dෂ",
    "👩\u200d👩\u200d👧",
    "❤\ufe0f",
    "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
    "שלום\u200f!",
    "王",
    "-",
    "\u0301",
    "a\tb\nc",
]


@pytest.mark.parametrize("text", NOTHING_TO_SEE)
def test_a_text_that_nobody_can_see_is_none(text: str) -> None:
    assert not is_visible(text)
    assert clean(text) == ""
    with pytest.raises(InvalidInputError) as refused:
        required(text, "name_empty", "name")
    assert (refused.value.code, refused.value.field) == ("name_empty", "name")


@pytest.mark.parametrize("text", KEPT)
def test_a_text_that_is_seen_is_kept_as_it_is(text: str) -> None:
    assert clean(f" \u200b{text}\ufeff ") == text
    assert required(text, "name_empty", "name") == text


def test_it_takes_out_what_turns_the_text_behind_it() -> None:
    assert clean("Ana\u202egnp.exe") == "Anagnp.exe"
    assert clean("\u2067Ana\u2069 \u202aB\u202c\x07") == "Ana B"


def test_a_line_end_is_one_sign() -> None:
    assert clean("a\r\nb\rc\n") == "a\nb\nc"


def test_only_what_is_written_from_right_to_left_is_kept_apart_in_a_sentence() -> None:
    assert isolated("Ana 12") == "Ana 12"
    assert isolated("Ana\u202e") == "Ana"
    assert isolated("שלום") == "\u2068שלום\u2069"


@given(st.text())
def test_cleaning_twice_changes_nothing(text: str) -> None:
    assert clean(clean(text)) == clean(text)
    assert clean(text) == "" or is_visible(clean(text))
