"""A known client's call is sent to the responsible; the preview says why, or why not."""

import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from crm_app.accounts.models import User
from crm_app.accounts.presence import services as presence
from crm_app.calls.models import CallFact
from crm_app.calls.store import hot_sql
from crm_app.contacts.models import ContactKind
from crm_app.contacts.numbers.caller import find_callers
from crm_app.demo import make_contact
from crm_app.extensions import db
from crm_app.office.services import FIELDS, change_hours
from crm_app.records.bin import put_in_bin, restore
from crm_app.simulator.office import Simulator
from crm_app.telephony.commands import telephony_cli
from crm_app.telephony.routing import black_list, phones
from crm_app.telephony.routing.lookup import known_of
from crm_app.telephony.routing.rules import StartingCall
from crm_app.telephony.switches import Switches
from tests.questions import questions
from tests.telephony.conftest import SECRET, Post, set_switches, start_fields

ClientOf = Callable[[User], FlaskClient]
CLIENT = "+351910000042"
TO_BOB = {"redirect": "101", "return_timeout": 15}
# A Monday, within and without the hours of an office.
NOON = datetime(2026, 3, 2, 12, tzinfo=ZoneInfo("Europe/Lisbon"))


@pytest.fixture(autouse=True)
def _noon() -> Iterator[None]:
    with time_machine.travel(NOON, tick=False):
        yield


@pytest.fixture
def on(app: Flask, connected: Flask) -> Callable[..., None]:
    """Set switches; routing is on from the beginning."""

    set_switches(app, route_to_responsible="on")
    return partial(set_switches, app)


@pytest.fixture
def ana(bob: User, on: object) -> Any:
    """Bob's client, while his phone is registered."""
    phones.keep({"101": True, "102": True})
    return make_contact("Ana Sousa", phones=(CLIENT,), responsible=bob)


def set_hours(by: User) -> None:
    hours = dict.fromkeys(FIELDS, "9-18") | {"saturday": "", "sunday": "", "holidays": ""}
    change_hours(hours, by)
    db.session.commit()


def previewed(app: Flask, *arguments: str) -> dict[str, Any]:
    result = app.test_cli_runner().invoke(telephony_cli, ["preview", *arguments, "--json"])
    db.session.rollback()
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.output)
    assert found.keys() == {"rule", "why", "answer"}
    return found


def test_the_responsibles_phone_rings_first(app: Flask, post: Post, ana: Any) -> None:
    assert post(start_fields()).get_json() == TO_BOB
    found = previewed(app, CLIENT)
    assert (found["rule"], found["answer"]) == ("responsible", TO_BOB)
    assert found["why"] == "Bob Agent is here, and the phone is registered: it rings."


def test_with_the_name_where_that_is_switched_on(
    app: Flask, post: Post, ana: Any, on: Callable[..., None]
) -> None:
    on(caller_name_with_redirect="on", return_timeout="0", caller_name_letters="plain")
    ana.name = "João Łuk"
    db.session.commit()
    answer = {"redirect": "101", "return_timeout": 0, "caller_name": "Joao Luk"}
    assert post(start_fields()).get_json() == answer
    assert previewed(app, CLIENT)["answer"] == answer


def test_a_person_without_responsible_is_the_companys(post: Post, ana: Any, bob: User) -> None:
    company = make_contact("Roofs Ltd.", kind=ContactKind.COMPANY, responsible=bob)
    ana.responsible_id, ana.company_id = None, company.id
    db.session.commit()
    assert post(start_fields()).get_json() == TO_BOB


def test_a_company_in_the_bin_gets_no_calls_of_its_people(
    app: Flask, post: Post, ana: Any, bob: User, dora: User
) -> None:
    company = make_contact("Roofs Ltd.", kind=ContactKind.COMPANY, responsible=bob)
    ana.responsible_id, ana.company_id = None, company.id
    db.session.commit()
    put_in_bin(company, dora)
    db.session.commit()
    assert "redirect" not in post(start_fields()).get_json()
    assert previewed(app, CLIENT)["rule"] != "responsible"
    restore(company, dora)
    db.session.commit()
    assert post(start_fields(pbx_call_id="in_" + "7" * 40)).get_json() == TO_BOB


def test_a_shared_number_is_sent_only_when_all_share_the_responsible(
    app: Flask, post: Post, ana: Any, bob: User, carol: User
) -> None:
    other = make_contact("Rui Sousa", phones=(CLIENT,), responsible=bob)
    assert post(start_fields()).get_json() == TO_BOB
    other.responsible_id = carol.id
    db.session.commit()
    again = start_fields(pbx_call_id="in_" + "7" * 40)
    assert post(again).get_json() == {"caller_name": "Ana Sousa +1"}
    assert previewed(app, CLIENT, "--line", "+351210000001")["rule"] == "scenario"


def test_a_phone_that_was_not_asked_for_a_minute_does_not_ring(
    app: Flask, post: Post, ana: Any
) -> None:
    with time_machine.travel(NOON + timedelta(seconds=60), tick=False):
        assert post(start_fields()).get_json() == TO_BOB
    with time_machine.travel(NOON + timedelta(seconds=61), tick=False):
        later = start_fields(pbx_call_id="in_" + "7" * 40)
        assert post(later).get_json() == {"caller_name": "Ana Sousa"}
        assert previewed(app, CLIENT)["rule"] == "scenario"


def test_the_deputy_of_somebody_who_is_away_rings(
    app: Flask, post: Post, ana: Any, bob: User, carol: User
) -> None:
    carol.extension = "102"
    presence.go_away(bob, bob, NOON + timedelta(hours=4), carol.id)
    db.session.commit()
    assert post(start_fields()).get_json() == {"redirect": "102", "return_timeout": 15}
    assert previewed(app, CLIENT)["rule"] == "deputy"
    evening = previewed(app, CLIENT, "--at", "2026-03-02T17:00")
    assert (evening["rule"], evening["answer"]) == ("responsible", TO_BOB)
    # The client is still Bob's.
    assert ana.responsible_id == bob.id


@pytest.mark.parametrize("obstacle", ["away", "off_shift", "disabled", "no_extension", "no_phone"])
def test_where_nobody_takes_it_the_call_goes_the_usual_way(
    app: Flask, post: Post, ana: Any, alice: User, bob: User, obstacle: str
) -> None:
    match obstacle:
        case "away":
            presence.go_away(bob, bob)
        case "disabled":
            bob.active = False
        case "no_extension":
            bob.extension = None
        case "no_phone":
            phones.keep({"101": False})
        case "off_shift":
            set_hours(alice)
    db.session.commit()
    at = NOON.replace(hour=22) if obstacle == "off_shift" else NOON
    with time_machine.travel(at, tick=False):
        phones.keep({"101": obstacle != "no_phone"})
        db.session.commit()
        assert post(start_fields()).get_json() == {"caller_name": "Ana Sousa"}
        assert previewed(app, CLIENT)["rule"] == "scenario"


def test_the_hours_are_asked_of_the_moment_of_the_preview(
    app: Flask, ana: Any, alice: User
) -> None:
    set_hours(alice)
    assert previewed(app, CLIENT)["rule"] == "responsible"
    assert previewed(app, CLIENT, "--at", "2026-03-02T19:00")["rule"] == "scenario"
    assert previewed(app, CLIENT, "--at", "2026-03-02T18:59+01:00")["rule"] == "responsible"
    assert previewed(app, CLIENT, "--at", "2026-03-07T12:00")["rule"] == "scenario"


def test_own_numbers_and_hidden_ones_go_the_usual_way(
    app: Flask, post: Post, ana: Any, carol: User
) -> None:
    carol.mobile = CLIENT
    db.session.commit()
    assert post(start_fields()).get_json() == {}
    assert previewed(app, CLIENT)["rule"] == "own_number"
    hidden = start_fields(caller_id="0", pbx_call_id="in_" + "7" * 40)
    assert post(hidden).get_json() == {}
    assert previewed(app, "0") == {
        "rule": "scenario",
        "why": "The call goes the way that is set up in the PBX.",
        "answer": {},
    }


def test_the_black_list_comes_first(app: Flask, post: Post, ana: Any) -> None:
    black_list.block(CLIENT, "PT", None)
    db.session.commit()
    assert previewed(app, CLIENT)["answer"] == {"redirect": "blacklist"}
    assert post(start_fields()).get_json() == {"redirect": "blacklist"}


@pytest.mark.parametrize("routes", ["off", "on"])
def test_routing_asks_the_database_once(
    app: Flask, ana: Any, on: Callable[..., None], routes: str
) -> None:
    """Whatever is switched on: a caller hears silence."""
    call = StartingCall(CLIENT, "", NOON, tuple(find_callers(db.session.connection(), CLIENT)))
    asked: list[str] = []
    run = hot_sql.run

    def note(connection: Any, statement: Any, *rows: Any) -> Any:
        asked.append(statement.sqlite)
        return run(connection, statement, *rows)

    with pytest.MonkeyPatch.context() as patch, questions() as others:
        patch.setattr(hot_sql, "run", note)
        switches = Switches().changed({"route_to_responsible": routes})
        known = known_of(db.session.connection(), call, switches, "Europe/Lisbon")
    assert (len(asked), others) == (1, [])
    assert (known.responsible is not None) == (routes == "on")


def test_a_preview_stores_nothing_and_counts_nothing(app: Flask, ana: Any) -> None:
    black_list.block(CLIENT, "PT", None)
    db.session.commit()
    for number in (CLIENT, "+351930000000", ""):
        previewed(app, number)
    assert db.session.scalar(select(func.count()).select_from(CallFact)) == 0
    assert [entry.count for entry in black_list.in_force()] == [0]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("nobody",), "This is not a phone number."),
        ((CLIENT, "--line", "nobody"), "This is not a phone number."),
        ((CLIENT, "--at", "soon"), "'soon' is no time."),
    ],
)
def test_a_preview_of_nonsense_is_refused(
    app: Flask, arguments: tuple[str, ...], sentence: str
) -> None:
    result = app.test_cli_runner().invoke(telephony_cli, ["preview", *arguments])
    assert result.exit_code != 0
    assert sentence in result.output


def test_the_settings_page_previews_each_rule_with_its_yes_or_no(
    app: Flask, ana: Any, alice: User, bob: User, client_of: ClientOf
) -> None:
    client = client_of(alice)
    assert 'action="/telephony/preview"' in client.get("/telephony/settings").text
    asked = {"number": "910 000 042", "line": "", "at_on": "2026-03-02", "at_time": "12:00"}
    text = client.get("/telephony/preview", query_string=asked).text
    for rule, decides in (("black_list", "no"), ("own_number", "no"), ("responsible", "yes")):
        assert f'data-rule="{rule}" data-decides="{decides}"' in text
    assert "Bob Agent is here" in text
    assert "With a redirect no name is sent" in text
    assert "redirect&#34;: &#34;101&#34;" in text or '"redirect": "101"' in text
    part = client.get("/telephony/preview", query_string=asked, headers={"HX-Request": "true"})
    assert part.text.lstrip().startswith("<div id=")
    wrong = client.get("/telephony/preview?number=nobody")
    assert (wrong.status_code, "This is not a phone number." in wrong.text) == (422, True)
    assert client_of(bob).get("/telephony/preview").status_code == 403


def test_the_simulator_follows_the_redirect_and_comes_back(served: str, key: str, ana: Any) -> None:
    with Simulator(key, SECRET, f"{served}/zadarma") as pbx:
        call = pbx.ring(CLIENT)
        assert (call.reply, call.ringing) == (TO_BOB, ["101"])
        call.come_back()
        assert set(call.ringing) == set(pbx.account.extensions)
        assert call.answer("103")
        call.hang_up()
