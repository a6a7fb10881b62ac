"""People are found without accents and by any writing of their number."""

import sys
from unicodedata import category

import pytest

from crm_app import search_text

# Halves of pairs, signs for private use, and places that no sign has.
OF_NONE = {"Cs", "Co", "Cn"}


@pytest.mark.parametrize(
    ("written", "normal"),
    [
        ("João  Ção", "joao cao"),
        ("ŁUKASZ Straße", "lukasz strasse"),
        ("Søren Æble", "soren aeble"),
        ("  Zoë\tÑandú ", "zoe nandu"),
        ("Sant’Ana D´Ávila – Norte", "sant'ana d'avila - norte"),
        ("Jo\x00ão\u202a Sil\u00adva\u200b", "joao silva"),
        ("№1 ℡", "no1 tel"),
        ("ＡＢＣ ﬁ Ⅷ", "abc fi viii"),
        ("𝓐na K Å", "ana k a"),
        ("İzmir ẞ", "izmir ss"),
        ("王芳", "王芳"),
    ],
)
def test_it_folds_case_accents_and_spaces(written: str, normal: str) -> None:
    assert search_text.normalise(written) == normal


@pytest.mark.parametrize(
    ("typed", "readings"),
    [
        ("João Silva", [["joao", "silva"]]),
        ("ana 912", [["ana", "912"]]),
        ("912345678", [["912345678"]]),
        ("+351 912-345", [["351912345"]]),
        ("00351 912", [["351912"]]),
        ("tel:+351912", [["351912"]]),
        ("TEL: 912 345", [["912345"]]),
        ("+44 (0)20 7946 0958", [["442079460958"], ["4402079460958"]]),
        ("+39 (0)6 1234567", [["3961234567"], ["39061234567"]]),
        ("(0)20 7946", [["(0)20 7946"], ["207946"], ["0207946"]]),
        ("№1", [["no1"]]),
        ("王芳", [["王芳"]]),
        ("\u202a+351 912\u202c", [["351912"]]),
        ("+351 912–345", [["351912345"]]),
        ("912 345", [["912 345"], ["912345"]]),
        ("2024/118", [["2024/118"], ["2024118"]]),
        ("2024.10", [["2024.10"], ["202410"]]),
        ("   ", []),
        ("+", []),
        ("\x00", []),
    ],
)
def test_it_reads_a_number_in_any_writing_and_digits_also_as_they_stand(
    typed: str, readings: list[list[str]]
) -> None:
    assert search_text.readings(typed) == readings


def test_it_protects_the_wildcards_of_like() -> None:
    assert search_text.escape_like("50%_a\\b") == "50\\%\\_a\\\\b"


def test_it_folds_every_letter_to_its_end() -> None:
    signs = {sign for sign in map(chr, range(sys.maxunicode + 1)) if category(sign) not in OF_NONE}
    folded = {search_text.normalise(sign) for sign in signs}
    assert len(folded) > 100_000
    assert {sign for sign in folded if search_text.normalise(sign) != sign} == set()
