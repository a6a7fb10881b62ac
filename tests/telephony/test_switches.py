"""The switches of the automation: a line in a table, and its use."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Literal

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient

from crm_app.accounts.models import User
from crm_app.errors import InvalidInputError
from crm_app.extensions import db
from crm_app.journal.models import JournalEntry
from crm_app.security.models import SecurityEvent
from crm_app.telephony.commands import telephony_cli
from crm_app.telephony.forms import switches_form
from crm_app.telephony.models import TelephonySettings
from crm_app.telephony.switches import Switches, switch

ClientOf = Callable[[User], FlaskClient]


class Sample(Switches):
    """A table with every kind of switch."""

    polling: Literal["auto", "off"] = switch("auto", "Ask", words={"auto": "By itself"})
    ghost_seconds: int = switch(5, "Shortest ring", "In seconds.", ge=0, le=60)


def run(app: Flask, *arguments: str) -> tuple[int, str]:
    result = app.test_cli_runner().invoke(telephony_cli, ["switches", *arguments])
    db.session.rollback()
    return result.exit_code, result.output


def test_the_command_lists_every_switch_with_its_sentence(app: Flask) -> None:
    code, text = run(app)
    assert code == 0
    for name, described in Switches.model_fields.items():
        assert name in text
        assert described.title
        assert described.title in text


def test_the_command_prints_one_json_object_with_texts_as_texts(app: Flask) -> None:
    code, text = run(app, "--json")
    assert (code, json.loads(text)) == (0, Switches().model_dump())
    assert set(map(type, json.loads(text).values())) <= {str, int}


@pytest.mark.parametrize("word", ["off", "on"])
def test_the_command_sets_a_switch_and_says_how_all_are_now(
    app: Flask, word: Literal["off", "on"]
) -> None:
    code, text = run(app, "caller_name", word, "--json")
    assert (code, json.loads(text)) == (0, Switches(caller_name=word).model_dump())
    assert TelephonySettings.current().switches == Switches(caller_name=word)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("shows_name", "on"), "shows_name: There is no such automation."),
        (("caller_name", "perhaps"), "caller_name: Choose one of these"),
        (("caller_name",), "NAME VALUE"),
    ],
)
def test_the_command_refuses_in_one_clear_line(
    app: Flask, arguments: tuple[str, ...], words: str
) -> None:
    code, text = run(app, *arguments)
    assert code != 0
    assert words in text
    assert TelephonySettings.current().switches == Switches()


@pytest.mark.parametrize(
    ("name", "value"),
    [("return_timeout", "-5"), ("retention_days", "-1"), ("ghost_seconds", "-0.5")],
)
def test_a_number_below_zero_is_refused_as_any_other_value(
    app: Flask, name: str, value: str
) -> None:
    code, text = run(app, name, value)
    assert code == 1
    assert text.startswith(f"Error: {name}: ")
    assert text.count("\n") == 1
    assert "option" not in text


@pytest.mark.parametrize(
    "arguments",
    [
        ("--jsn",),
        ("-j",),
        ("--jsn", "return_timeout", "5"),
        ("return_timeout", "--jsn"),
        ("return_timeout", "5", "--jsn"),
    ],
)
def test_a_misspelt_option_is_no_argument_of_the_command(
    app: Flask, arguments: tuple[str, ...]
) -> None:
    code, text = run(app, *arguments)
    assert code == 2
    assert next(one for one in arguments if one.startswith("-")) in text
    assert TelephonySettings.current().switches == Switches()


def test_a_switch_that_is_set_is_in_the_journal_and_one_that_stays_is_not(app: Flask) -> None:
    run(app, "caller_name", "on")
    run(app, "caller_name", "off")
    changes = [entry.shown for entry in db.session.scalars(db.select(JournalEntry))]
    assert changes == [{"caller_name": ["on", "off"]}]
    events = db.session.scalars(db.select(SecurityEvent)).all()
    assert [event.detail for event in events] == ["caller_name off"]


def test_texts_and_numbers_are_set_by_the_words_of_a_command(app: Flask) -> None:
    wanted = {"polling": "off", "ghost_seconds": "7", "caller_name": "off"}
    changed = Sample().changed(wanted)
    assert changed.model_dump() == Sample().model_dump() | {
        "caller_name": "off", "polling": "off", "ghost_seconds": 7,
    }  # fmt: skip
    assert Sample.from_json(changed.model_dump_json()) == changed


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("caller_name", "yes", "Choose one of these: off, on."),
        ("black_list", "", "Choose one of these: off, busy, hangup."),
        ("call_back_minutes", "481", "Type a whole number from 1 to 480."),
        ("call_back_minutes", "1.5", "Type a whole number from 1 to 480."),
        ("return_timeout", "2", "Type a whole number from 3 to 60, or 0."),
        ("return_timeout", "61", "Type a whole number from 3 to 60, or 0."),
        ("ghosts", "1", "There is no such automation."),
    ],
)
def test_it_says_what_a_switch_can_be(app: Flask, name: str, value: str, sentence: str) -> None:
    code, text = run(app, name, value)
    assert code == 1
    assert f"{name}: {sentence}" in text


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("polling", "always", "switch_impossible"),
        ("ghost_seconds", "61", "switch_impossible"),
        ("ghost_seconds", "many", "switch_impossible"),
        ("caller_name", "yes", "switch_impossible"),
        ("ghosts", "1", "switch_unknown"),
    ],
)
def test_it_refuses_what_a_switch_cannot_be(name: str, value: str, code: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        Sample().changed({name: value})
    assert (refused.value.code, refused.value.field) == (code, name)


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("black_list", "shout", "Choose one of these: off, busy, hangup."),
        ("call_back_minutes", "", "Type a whole number from 1 to 480."),
        ("call_back_minutes", "481", "Type a whole number from 1 to 480."),
    ],
)
def test_the_page_says_it_too_and_keeps_what_was_typed(
    alice: User, client_of: ClientOf, name: str, value: str, sentence: str
) -> None:
    answer = client_of(alice).post("/telephony/settings/switches", data={name: value})
    assert answer.status_code == 422
    assert sentence in answer.text


def test_what_another_release_stored_does_not_stop_this_one() -> None:
    stored = '{"caller_name": "off", "polling": "sometimes", "gone_since": 3}'
    assert Sample.from_json(stored) == Sample(caller_name="off")


def test_the_form_follows_from_the_table(app: Flask) -> None:
    with app.test_request_context():
        form = switches_form(Sample)(obj=Sample(ghost_seconds=9))
        kinds = {name: form[name].type for name in ("caller_name", "polling", "ghost_seconds")}
        assert kinds == {
            "caller_name": "OnOffField",
            "polling": "SelectField",
            "ghost_seconds": "IntegerField",
        }
        assert form["ghost_seconds"].data == 9
        shown = [(value, str(label)) for value, label, *_ in form["polling"].iter_choices()]
        assert shown == [("auto", "By itself"), ("off", "off")]


def test_the_settings_page_shows_every_switch_with_its_sentence_in_both_languages(
    app: Flask, alice: User, client_of: ClientOf
) -> None:
    browser: FlaskClient = client_of(alice)
    page = unescape(browser.get("/telephony/settings").text)
    assert "Show the caller's name on the phones that ring" in page
    assert "When a known number calls, the PBX gets the name" in page
    alice.language = "pt"
    db.session.commit()
    page = browser.get("/telephony/settings").text
    assert "nos telefones que tocam" in page
    for name in Switches.model_fields:
        assert f'name="{name}"' in page


def test_it_knows_since_when_a_switch_has_been_on(app: Flask) -> None:
    settings = TelephonySettings.for_change()
    connected = datetime(2026, 3, 2, 9, tzinfo=UTC)
    settings.connected_at = connected
    assert settings.switched_on_at("caller_name") == connected
    run_at = connected + timedelta(hours=1)
    settings.set_switches(settings.switches.changed({"caller_name": "off"}))
    assert settings.switched_on_at("caller_name") is None
    with time_machine.travel(run_at, tick=False):
        settings.set_switches(settings.switches.changed({"caller_name": "on"}))
    settings.set_switches(settings.switches.changed({"caller_name": "on"}))
    db.session.commit()
    db.session.expire_all()
    assert TelephonySettings.current().switched_on_at("caller_name") == run_at
