"""Numbers are accepted in any writing and stored in one."""

import pytest

from crm_app import phone_numbers
from crm_app.errors import InvalidInputError


@pytest.mark.parametrize(
    "written",
    [
        "912 345 678",
        "+351 912-345-678",
        "00351912345678",
        "tel:+351912345678",
        "TEL:+351-912-345-678",
        "(+351) 912345678",
        "\u202a+351 912 345 678\u202c",
        "Tel. 912 345 678",
    ],
)
def test_it_stores_any_writing_as_e164(written: str) -> None:
    assert phone_numbers.parse(written, "PT") == "+351912345678"


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("hello", "number_not_a_number"),
        ("912", "number_too_short"),
        ("+351 912 345 678 901 234", "number_too_long"),
        ("+999 123 456 789", "number_unknown_country"),
        ("+351 100 000 000", "number_impossible"),
        ("912345678 ext. 12", "number_holds_more"),
        ("tel:+351912345678;ext=12", "number_holds_more"),
        ("212345678#45", "number_holds_more"),
        ("912345678; 913456789", "number_holds_more"),
        ("912345678 / 913456789", "number_too_long"),
    ],
)
def test_it_refuses_an_impossible_number_with_the_reason(written: str, code: str) -> None:
    with pytest.raises(InvalidInputError) as refusal:
        phone_numbers.parse(written, "PT")
    assert refusal.value.code == code


@pytest.mark.parametrize(
    ("written", "country", "stored"),
    [
        ("011 15-2345-6789", "AR", "+5491123456789"),
        ("+44 (0)20 7946 0958", "PT", "+442079460958"),
        ("06 698 12345", "IT", "+390669812345"),
    ],
)
def test_it_takes_national_writing_that_differs_from_the_stored_one(
    written: str, country: str, stored: str
) -> None:
    assert phone_numbers.parse(written, country) == stored


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ("+351910000042", "+351910000042"),
        ("351910000042", "+351910000042"),
        (" 351910000042", "+351910000042"),
        ("910000042", "+351910000042"),
        ("00351910000042", "+351910000042"),
        ("34600000042", "+34600000042"),
        ("101", "101"),
        ("0", ""),
        ("", ""),
        ("Anonymous", ""),
        ("00000000", ""),
    ],
)
def test_it_reads_a_caller_as_the_pbx_writes_it(sent: str, read: str) -> None:
    assert phone_numbers.caller_number(sent, "PT") == read


def test_it_shows_numbers_nationally_at_home_and_with_a_code_abroad() -> None:
    assert phone_numbers.show("+351912345678", "PT") == "912 345 678"
    assert phone_numbers.show("+351912345678", "ES") == "+351 912 345 678"
    assert phone_numbers.show("101", "PT") == "101"
