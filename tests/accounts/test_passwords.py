"""Which passwords are taken, and what is said about them while they are typed."""

import itertools
import time
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from zxcvbn.frequency_lists import FREQUENCY_LISTS

from crm_app.accounts import links, services
from crm_app.accounts.models import LinkPurpose, User
from crm_app.accounts.passwords import rules, strength
from crm_app.database import GATE_TIMEOUT_S
from crm_app.demo import make_user
from crm_app.errors import InvalidInputError
from crm_app.extensions import db
from tests.effort import lines_run

ClientOf = Callable[[User], FlaskClient]
GOOD = "quatro tigres contentes"


def verdict(password: str, email: str = "eva.lopes@firma.pt", name: str = "Eva Lopes") -> str:
    try:
        rules.check(password, email=email, name=name)
    except InvalidInputError as error:
        return error.code
    return ""


def common_ones_that_are_long_enough() -> list[str]:
    """The ten thousand most likely ones: lists of leaked passwords, as they are and lengthened."""
    leaked = FREQUENCY_LISTS["passwords"]
    long = [word for word in leaked if len(word) >= rules.MIN_LENGTH]
    endings = ["1", "123", "1234", "12345", "!", "2024", "2025", "2026", "2026!"]
    lengthened = (word + ending for word in leaked[:3_500] for ending in endings)
    twice = (word + word for word in leaked[:3_500])
    made = (word for word in itertools.chain(twice, lengthened) if len(word) >= 12)
    return list(dict.fromkeys(itertools.chain(long, made)))[:10_000]


def test_ten_thousand_common_passwords_that_are_long_enough_are_easy_to_guess() -> None:
    candidates = common_ones_that_are_long_enough()
    assert len(candidates) == 10_000
    taken = [one for one in candidates if strength.guesses(one) >= strength.ENOUGH_GUESSES]
    assert taken == []


@pytest.mark.parametrize(
    "password",
    [
        "correcthorse", "passwordpassword", "123456789012", "qwertyuiop12", "1qaz2wsx3edc",
        "Office2026!!", "Benfica12345", "benfica1904!", "Summer2026!!!", "palavrapasse1",
        "minhasenha123", "portugal2025!", "P@ssw0rd2026", "abcdefghijkl", "aaaabbbbcccc",
        "MariaSilva1990", "19870512121987", "zaq12wsxcde3", "iloveyou1234", "drowssapdrowssap",
    ],
)  # fmt: skip
def test_what_many_people_would_think_of_is_refused(app: Flask, password: str) -> None:
    assert verdict(password) == "password_common"


@pytest.mark.parametrize(
    "password",
    [
        GOOD, "tres tigres tristes", "café com leite", "correct horse battery staple",
        "xkfjwpqzmvnb", "kJ8#mLq2!xZp", "Eu gosto de sardinhas", "abacaxi-verde-77",
        "密码密码很长很长的一句话呀",
    ],
)  # fmt: skip
def test_a_long_one_is_taken_whatever_it_is_made_of(app: Flask, password: str) -> None:
    assert verdict(password) == ""


@pytest.mark.parametrize(
    ("password", "word"),
    [
        ("my lopes is secret", "lopes"),
        ("Firma-cheia-de-sol", "firma"),
        ("RAMAL e mais nada hoje", "ramal"),
        ("gosto da Zadarma assim", "zadarma"),
        ("o escritorio Aguia Real", "aguia"),
        ("crescer na clarity azul", "clarity"),
        ("L.o.p.e.s gosta de mar", "lopes"),
        ("LÓPES gosta de mar alto", "lopes"),
    ],
)
def test_words_that_lie_at_hand_are_refused_and_named(
    app: Flask, alice: User, password: str, word: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    services.change_office("Águia, Lda.", restricts_agents=False, by=alice)
    settings = app.extensions["settings"].model_copy(
        update={"public_url": "https://clarity.example.com"}
    )
    monkeypatch.setitem(app.extensions, "settings", settings)
    with pytest.raises(InvalidInputError) as caught:
        rules.check(password, email="eva.lopes@firma.pt", name="Eva Lopes")
    assert (caught.value.code, caught.value.details["word"]) == ("password_personal", word)


@pytest.mark.parametrize("password", ["AgBAgBAgBAgB1", "agb@example.com1", "AGB-agb-2026-x"])
def test_a_short_name_many_times_is_refused(app: Flask, password: str) -> None:
    assert verdict(password, "agb@example.com", "AgB") == "password_personal"


def test_a_short_name_inside_a_sentence_is_not(app: Flask) -> None:
    assert verdict("jogo de futebol com jovens", "jo@ab.pt", "Jo") == ""


def test_an_old_shorter_password_still_signs_in(app: Flask, visitor: FlaskClient) -> None:
    make_user("Old", email="old@example.com", password="Xk4!2lpQzz")
    answer = visitor.post("/login", data={"email": "old@example.com", "password": "Xk4!2lpQzz"})
    assert answer.status_code == 303
    assert verdict("Xk4!2lpQzz") == "password_short"


@pytest.mark.parametrize(
    "password",
    [
        "4@8({[<3691!|7$5%2+" * 14,
        "e3a4@8b(c{[<6g9!1i|l7$5s+t%x2z" * 8,
        "a" * 256,
        "0123456789" * 25,
    ],
)
def test_no_password_makes_the_estimate_slow(app: Flask, password: str) -> None:
    verdict("warm the dictionaries up")
    assert lines_run(verdict, password[:256]) < 1_000_000


def said(browser: FlaskClient, password: str, path: str = "/account/password/strength") -> str:
    answer = browser.post(path, data={"password": password}, headers={"HX-Request": "true"})
    assert answer.status_code == 200
    return answer.text


def test_it_says_while_typing_how_good_a_password_is(bob: User, client_of: ClientOf) -> None:
    browser = client_of(bob)
    assert said(browser, "").strip() == ""
    assert "5 more characters" in said(browser, "only se")
    assert "1 more character<" in said(browser, "only seven.")
    assert "This is easy to guess" in said(browser, "passwordpassword")
    assert "Leave out “agent”" in said(browser, "the agent who came in")
    assert "Very good" in said(browser, GOOD)
    assert "Good" in said(browser, "correcthorsebattery")
    assert GOOD not in said(browser, GOOD)


def test_who_chooses_a_password_by_a_link_sees_it_too(
    app: Flask, bob: User, visitor: FlaskClient
) -> None:
    token = links.make(LinkPurpose.RESET, bob)
    db.session.commit()
    path = f"/reset/{token}/strength"
    assert "Very good" in said(visitor, GOOD, path)
    assert "Leave out “agent”" in said(visitor, "the agent who came in", path)
    assert f'hx-post="{path}"' in visitor.get(f"/reset/{token}").text
    refused = visitor.post("/reset/nothing/strength", data={"password": GOOD})
    assert refused.status_code == 410
    assert visitor.post(f"/invitation/{token}/strength", data={}).status_code == 410


def test_the_first_administrator_sees_it_too(app: Flask, visitor: FlaskClient) -> None:
    token = services.new_setup_token()
    path = f"/setup/{token}/strength"
    typed = {"password": "azul como o bonifacio", "name": "Bonifácio", "email": "b@firma.pt"}
    assert "Leave out “bonifacio”" in visitor.post(path, data=typed).text


def test_the_estimate_waits_for_no_writer(
    app: Flask, bob: User, client_of: ClientOf, engine_name: str
) -> None:
    if engine_name != "sqlite":
        pytest.skip("only SQLite has one writer")
    browser = client_of(bob)
    said(browser, GOOD)
    with db.engine.connect() as writer:
        writer.exec_driver_sql("SELECT 1")
        began = time.monotonic()
        assert "Very good" in said(browser, GOOD)
        assert time.monotonic() - began < GATE_TIMEOUT_S / 2
        writer.rollback()
