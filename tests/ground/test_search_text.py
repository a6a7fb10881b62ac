"""People are found without accents and by any writing of their number."""

import pytest

from crm_app import search_text


@pytest.mark.parametrize(
    ("written", "normal"),
    [
        ("João  Ção", "joao cao"),
        ("ŁUKASZ Straße", "lukasz strasse"),
        ("Søren Æble", "soren aeble"),
        ("  Zoë\tÑandú ", "zoe nandu"),
    ],
)
def test_it_folds_case_accents_and_spaces(written: str, normal: str) -> None:
    assert search_text.normalise(written) == normal


@pytest.mark.parametrize(
    ("typed", "terms"),
    [
        ("João Silva", ["joao", "silva"]),
        ("912 345", ["912345"]),
        ("+351 912-345", ["351912345"]),
        ("00351 912", ["351912"]),
        ("tel:+351912", ["351912"]),
        ("   ", []),
        ("+", []),
        ("ana 912", ["ana", "912"]),
    ],
)
def test_it_reads_a_number_in_any_writing_as_one_term(typed: str, terms: list[str]) -> None:
    assert search_text.words(typed) == terms


def test_it_protects_the_wildcards_of_like() -> None:
    assert search_text.escape_like("50%_a\\b") == "50\\%\\_a\\\\b"
