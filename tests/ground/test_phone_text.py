"""The number in a text is the number, and words are words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_app.phone_text import HIDDEN_NUMBERS, find


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("+351912345678 (Studio 54)", "+351912345678"),
        ("Studio 54 (+351912345678)", "+351912345678"),
        ("+351912345678 Studio 54", "+351912345678"),
        ("Loja 24 +351912345678", "+351912345678"),
        ("sip:+351912345678@host", "+351912345678"),
        ("sip:%2B351912345678@host;user=phone", "+351912345678"),
        ("SIPS:912345678@pbx.example.com:5061", "912345678"),
        ("912345678@10.0.0.1", "912345678"),
        ("tel:+351-912-345-678;ext=12", "+351912345678"),
        ("+351912345678;phone-context=example.com", "+351912345678"),
        ('"Ana 54" <+351912345678>', "+351912345678"),
        ('"Ana" <sip:+351912345678@host;x=1>', "+351912345678"),
        ("+3706111111 <+3706111111>", "+3706111111"),
        ("Name (48123456789)", "48123456789"),
        ("Name 101 (101)", "101"),
        ("16200 (MEO)", "16200"),
        ("(+351) 912 345 678", "+351912345678"),
        ("+1 (212) 555-0100", "+12125550100"),
        ("(11) 98765-4321 (casa)", "11987654321"),
        ("٩١٢٣٤٥٦٧٨", "912345678"),
        ("＋３５１ ９１２３４５６７８", "+351912345678"),
        ("\u202a+351 912 345 678\u202c", "+351912345678"),
        ("912345678 / 913456789", "912345678"),
        ("16200", "16200"),
        ("101", "101"),
    ],
)
def test_it_finds_the_one_number_in_a_text(text: str, number: str) -> None:
    assert find(text).number == number


@pytest.mark.parametrize(
    "text",
    ["MEO123", "MEO 16200", "Room 101", "REF1234567", "1-800-FLOWERS", "João 24h", "24/7 Taxi",
     "Studio 54 (Lisboa)", "Ana (2)", "*98", "*123*1#", "#101#", "Unknown 123", "sip:meo123@host"],
)  # fmt: skip
def test_it_picks_no_digits_out_of_words(text: str) -> None:
    found = find(text)
    assert found.number == ""
    assert found.name == text.removeprefix("sip:").removesuffix("@host")


@pytest.mark.parametrize(
    "text",
    ["", "0", "000", "-", "Anonymous", "ANONYMOUS", "unknown", "Private number", "número oculto",
     "Desconhecido", "withheld", "restricted (0)", "sip:anonymous@anonymous.invalid",
     '"Anonymous" <anonymous>',
     "+266696687", "00266696687", "+266 696 687", "sip:+7378742833@host", "+86282452253",
     "+8656696", "+2562533", "+7748283"],
)  # fmt: skip
def test_it_knows_a_hidden_number_by_its_words_and_by_their_keys(text: str) -> None:
    assert (find(text).number, find(text).name) == ("", "")


def test_it_takes_the_keys_of_a_hidden_number_without_plus_for_a_number() -> None:
    for number in HIDDEN_NUMBERS:
        assert find(number[1:]).number == number[1:]


@pytest.mark.parametrize(
    ("text", "number", "code"),
    [
        ("*31#912345678", "912345678", "*31#"),
        ("#31#912345678", "912345678", "#31#"),
        ("#31# +351 912 345 678", "+351912345678", "#31#"),
        ("*#31#912345678", "912345678", "*#31#"),
        ("*67912345678", "912345678", "*67"),
        ("*67 912 345 678", "912345678", "*67"),
        ("*82+12125550100", "+12125550100", "*82"),
        ("*31#*67912345678", "912345678", "*31#*67"),
        ("**21*912345678#", "912345678", "**21*…#"),
        ("**61*+351912345678*11*20#", "+351912345678", "**61*…*11*20#"),
        ("*31#16200", "16200", "*31#"),
        ("912345678,,45", "912345678", ",,45"),
        ("912345678w45", "912345678", "w45"),
        ("+351912345678p45#", "+351912345678", "p45#"),
        ("912345678#45", "912345678", "#45"),
        ("912345678x12", "912345678", "x12"),
        ("912345678 ext. 12", "912345678", "ext. 12"),
    ],
)
def test_it_leaves_dial_codes_out_of_the_number_and_keeps_them(
    text: str, number: str, code: str
) -> None:
    assert (find(text).number, find(text).code) == (number, code)


@given(st.from_regex(r"\+?[0-9]{1,18}", fullmatch=True) | st.sampled_from(sorted(HIDDEN_NUMBERS)))
def test_it_reads_a_plain_number_as_it_reads_one_with_a_space_before_it(number: str) -> None:
    assert find(number) == find(f" {number}")


def test_it_reads_a_text_of_any_length_at_once() -> None:
    for sign in "p*1 (+<@":
        assert find(sign * 200_000).number == ""
