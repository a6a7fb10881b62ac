"""Amounts are read in the writing of the user's language, or refused: never guessed."""

import pytest
from babel import Locale

from crm_app.errors import InvalidInputError
from crm_app.web.display.amounts import read_cents, write_cents


@pytest.mark.parametrize(
    ("language", "text", "cents"),
    [
        ("en", "1,234.56", 123456),
        ("en", "1234.5", 123450),
        ("en", " 12 ", 1200),
        ("en", "€12", 1200),
        ("en", "0", 0),
        ("en", "1,200", 120000),
        ("en", "12,000", 1200000),
        ("en", "1,200.00", 120000),
        ("en", "1 200", 120000),
        ("en", "1\u202f200", 120000),
        ("en", "1’200.5", 120050),
        ("en", "1'234'567.89", 123456789),
        ("en", ".5", 50),
        ("en", "12.", 1200),
        ("en", "0.50", 50),
        ("en", "007", 700),
        ("pt", "1.200", 120000),
        ("pt", "1.200,00", 120000),
        ("pt", "12.000 €", 1200000),
        ("pt", "1\u202f200,5", 120050),
        ("pt", "0,50", 50),
        ("pt", "1.234,56", 123456),
        ("pt", "1.234", 123400),
        ("pt", "1 234,56 €", 123456),
        ("pt_PT", "1.234,56", 123456),
        ("pt_PT", "1\u00a0234,56", 123456),
    ],
)
def test_it_reads_what_the_language_writes(language, text, cents):
    assert read_cents(text, Locale.parse(language)) == cents


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "1.234,56"),
        ("en", "1.234"),
        ("en", "12,34"),
        ("pt", "1,234.56"),
        ("pt", "12.34"),
        ("en", "1,2,3"),
        # Zeros are no reason to believe that the other language's thousands are decimals.
        ("en", "1.200"),
        ("en", "1.200,00"),
        ("en", "12.000"),
        ("en", "1.2000"),
        ("en", "0.500"),
        ("en", "€1.200"),
        ("en", "1.200 €"),
        ("en", "1.200\u00a0€"),
        ("en", "1,200.000"),
        ("pt", "1,200"),
        ("pt", "1,200.00"),
        ("pt", "12,000"),
        ("pt", "1,2000"),
        ("pt", "0,500"),
        ("pt", "0.500"),
        ("pt", "1,200 €"),
        ("pt_PT", "1\u202f200,000"),
        # Half groups, and two ways of grouping at once.
        ("en", "1 20"),
        ("en", "1 2000"),
        ("en", "1,200 000"),
        ("pt", "1.200 000"),
        ("pt", "1'20"),
        ("en", "$1,200"),
        ("en", "EUR 5"),
        ("en", ""),
        ("en", "."),
        ("pt", ","),
        ("en", "-1"),
        ("en", "1e3"),
        ("en", "Infinity"),
        ("en", "٣"),
        ("en", "twelve"),
        ("en", "€"),
    ],
)
def test_it_refuses_what_could_mean_something_else(language, text):
    with pytest.raises(InvalidInputError) as refused:
        read_cents(text, Locale.parse(language))
    assert refused.value.code == "amount_unreadable"


def test_it_refuses_more_than_anybody_sells():
    with pytest.raises(InvalidInputError) as refused:
        read_cents("1" * 20, Locale("en"))
    assert refused.value.code == "amount_too_large"


@pytest.mark.parametrize("language", ["en", "pt", "pt_PT"])
@pytest.mark.parametrize("cents", [0, 5, 99, 123456, 10**12])
def test_it_reads_back_what_it_wrote(language, cents):
    locale = Locale.parse(language)
    assert read_cents(write_cents(cents, locale), locale) == cents
