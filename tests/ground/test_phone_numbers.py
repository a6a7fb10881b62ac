"""Numbers are accepted in any writing and stored in one."""

import pytest

from crm_app import phone_numbers
from crm_app.errors import InvalidInputError
from crm_app.phone_pairs import equivalents


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
        ("MEO123", "number_not_a_number"),
        ("+266696687", "number_not_a_number"),
        ("12", "number_too_short"),
        ("9123456", "number_too_short"),
        ("+351 912 345 678 901 234", "number_too_long"),
        ("9123456789", "number_too_long"),
        ("+999 123 456 789", "number_unknown_country"),
    ],
)
def test_it_refuses_an_impossible_number_with_the_reason(written: str, code: str) -> None:
    with pytest.raises(InvalidInputError) as refusal:
        phone_numbers.parse(written, "PT")
    assert refusal.value.code == code


@pytest.mark.parametrize(
    "written",
    [
        "912345678 ext. 12",
        "912345678 x12",
        "tel:+351912345678;ext=12",
        "212345678#45",
        "212345678,,45",
        "212345678p45",
        "21 234 5678/9",
        "911/912",
        "912345678 / 913456789",
        "912345678/913456789",
        "912345678; 913456789",
        "912345678, 913456789",
        "912345678 or 913456789",
        "912345678 ou 913456789",
        "912345678 e 913456789",
        "912345678\n913456789",
        "912345678\r\n913456789",
        "912345678 913456789",
        "912 345 678 913 456 789",
        "+351912345678+351913456789",
        "+351 912 345 678 +351 913 456 789",
        "912345678 (913456789)",
        "casa 212345678 tlm 912345678",
    ],
)
def test_it_says_of_two_numbers_that_they_are_two(written: str) -> None:
    with pytest.raises(InvalidInputError) as refusal:
        phone_numbers.parse(written, "PT")
    assert refusal.value.code == "number_holds_more"


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ("+351970000123", "+351970000123"),
        ("970 000 123", "+351970000123"),
        ("+351 100 000 000", "+351100000000"),
        ("16200", "16200"),
        ("912", "912"),
    ],
)
def test_it_takes_what_no_plan_knows_but_could_be_with_a_doubt(written: str, stored: str) -> None:
    assert phone_numbers.read(written, "PT") == phone_numbers.Read(stored, "number_not_known")
    assert phone_numbers.doubt_of(stored, "PT") == "number_not_known"


@pytest.mark.parametrize("known", ["112", "116000", "1820", "+351912345678"])
def test_it_does_not_doubt_what_a_plan_knows(known: str) -> None:
    assert phone_numbers.read(known, "PT") == phone_numbers.Read(known)
    assert phone_numbers.doubt_of(known, "PT") == ""


@pytest.mark.parametrize("number", ["+999123456", "12", "+12", "+3519"])
def test_it_never_refuses_what_is_stored_or_was_reported(number: str) -> None:
    with pytest.raises(InvalidInputError):
        phone_numbers.read(number, "PT")
    assert phone_numbers.read_known(number, "PT", [number]).number == number
    shown = phone_numbers.show(number, "PT")
    assert phone_numbers.read_known(f" {shown} ", "PT", ["16200", number]).number == number


@pytest.mark.parametrize(
    ("written", "country", "stored"),
    [
        ("011 15-2345-6789", "AR", "+5491123456789"),
        ("+44 (0)20 7946 0958", "PT", "+442079460958"),
        ("06 698 12345", "IT", "+390669812345"),
        ("+3961234567", "IT", "+39061234567"),
        ("+39 (0)6 1234567", "IT", "+39061234567"),
        ("+54 9 11 2345-6789", "AR", "+5491123456789"),
        ("+54 11 15 2345-6789", "AR", "+5491123456789"),
        ("+54 11 2345-6789", "AR", "+541123456789"),
        ("51 8765-4321", "BR", "+5551987654321"),
        ("+55 51 98765-4321", "PT", "+5551987654321"),
        ("51987654321", "BR", "+5551987654321"),
        ("626112345", "ES", "+34626112345"),
        ("+52 1 55 1234 5678", "MX", "+525512345678"),
        ("044 55 1234 5678", "MX", "+525512345678"),
        ("351912345678", "PT", "+351912345678"),
        ("+351 (0) 912 345 678", "PT", "+351912345678"),
        ("+49 (0)30 1234567", "DE", "+49301234567"),
        ("sip:+351912345678@host", "PT", "+351912345678"),
        ("*31#912345678", "PT", "+351912345678"),
        ("+351912345678 (Ana)", "PT", "+351912345678"),
        ("030/1234567", "DE", "+49301234567"),
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
        ("16200", "16200"),
        ("+16200", "16200"),
        ("01234", "01234"),
        ("116123", "116123"),
        ("+351970000123", "+351970000123"),
        ("351970000123", "+351970000123"),
        ("970000123", "+351970000123"),
        ("*31#912345678", "+351912345678"),
        ("MEO123", ""),
    ],
)
def test_it_reads_a_caller_as_the_pbx_writes_it(sent: str, read: str) -> None:
    assert phone_numbers.caller_number(sent, "PT") == read


def test_it_shows_numbers_nationally_at_home_and_with_a_code_abroad() -> None:
    assert phone_numbers.show("+351912345678", "PT") == "912 345 678"
    assert phone_numbers.show("+351912345678", "ES") == "+351 912 345 678"
    assert phone_numbers.show("101", "PT") == "101"


@pytest.mark.parametrize(
    ("number", "country", "at_home", "abroad"),
    [
        ("51987654321", "BR", "+5551987654321", "+51987654321"),
        ("626112345", "ES", "+34626112345", "+626112345"),
    ],
)
def test_it_reads_a_number_that_can_be_two_as_its_country_and_the_others_do(
    number: str, country: str, at_home: str, abroad: str
) -> None:
    home, away = (at_home, abroad), (abroad, at_home)
    read = phone_numbers.reported(number, country)
    assert (read.number, read.other) == home
    read = phone_numbers.reported(number, country, "national")
    assert (read.number, read.other) == home
    read = phone_numbers.reported(number, country, "international")
    assert (read.number, read.other) == away
    assert phone_numbers.form_of(number, country) == ""


@pytest.mark.parametrize(
    ("number", "form"),
    [("351210000001", "international"), ("210000001", "national"), ("+351210000001", ""),
     ("101", ""), ("16200", "")],
)  # fmt: skip
def test_it_tells_a_form_only_where_one_reading_fits(number: str, form: str) -> None:
    assert phone_numbers.form_of(number, "PT") == form


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("+5491123456789", "+541123456789"),
        ("+5551987654321", "+555187654321"),
        ("+39061234567", "+3961234567"),
        ("+525512345678", "+5215512345678"),
    ],
)
def test_it_knows_both_writings_of_a_telephone(one: str, other: str) -> None:
    assert other in equivalents(one)
    assert one in equivalents(other)


def test_it_knows_the_15_of_argentina_and_nothing_of_others() -> None:
    assert "+5491123456789" in equivalents("+54111523456789")
    assert equivalents("+351912345678") == equivalents("16200") == []
    assert equivalents("+551123456789") == []
