"""The guide for administrators: complete in both languages, and shown with its pictures."""

import re
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from crm_app.accounts.models import User
from crm_app.extensions import db
from crm_app.telephony.setup import guide
from crm_app.telephony.setup.wording import TITLES
from crm_app.telephony.switches import Switches

PAGE = "/telephony/setup/guide"


@pytest.mark.parametrize("language", ["en", "pt"])
def test_it_explains_every_switch_with_its_default(language: str) -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| ([^|]+) \|", guide.text_of(language), re.MULTILINE))
    for name, field in Switches.model_fields.items():
        assert name in rows, name
        assert f"({field.default})" in rows[name], name


@pytest.mark.parametrize("language", ["en", "pt"])
def test_it_explains_no_switch_that_is_not_there(language: str) -> None:
    rows = re.findall(r"^\| `(\w+)` \|", guide.text_of(language), re.MULTILINE)
    assert sorted(rows) == sorted(Switches.model_fields)


def test_both_languages_say_the_same_number_of_things() -> None:
    signs = ("^#", r"^\|", "^!", r"^- \*", r"^\d\.")
    english, portuguese = (
        [len(re.findall(sign, guide.text_of(language), re.MULTILINE)) for sign in signs]
        for language in ("en", "pt")
    )
    assert english == portuguese


def test_it_says_of_every_lamp_what_to_do_when_it_is_not_green(
    app: Flask, dora: User, client_of: Callable[[User], FlaskClient]
) -> None:
    for language in ("en", "pt"):
        dora.language = language
        db.session.commit()
        client = client_of(dora)
        db.session.rollback()
        page = client.get(PAGE).text
        with app.test_request_context(headers={"Accept-Language": language}):
            missing = [name for name, title in TITLES.items() if f"<td>{title}</td>" not in page]
        assert not missing, language


def test_its_pictures_are_there_and_are_the_only_files_it_gives(
    app: Flask, dora: User, client_of: Callable[[User], FlaskClient]
) -> None:
    client = client_of(dora)
    db.session.rollback()
    shown = re.findall(r'<img src="([^"]+/guide/[^"]+)"', client.get(PAGE).text)
    assert len(shown) == len(guide.pictures()) == 4
    for address in shown:
        answer = client.get(address)
        assert (answer.status_code, answer.mimetype) == (200, "image/png")
        answer.close()
    for name in ("..%2Fzadarma.md", "today-1440-light.png", "nothing.png"):
        assert client.get(f"{PAGE}/{name}").status_code == 404


def test_it_is_for_managers(bob: User, client_of: Callable[[User], FlaskClient]) -> None:
    client = client_of(bob)
    db.session.rollback()
    assert client.get(PAGE).status_code == 403
