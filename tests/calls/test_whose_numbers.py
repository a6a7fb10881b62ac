"""Whose a number is: ours if the office or the PBX knows it, and what was known stays known."""

from datetime import UTC, datetime

import pytest
from flask import Flask
from sqlalchemy import select

from crm_app.accounts.models import User
from crm_app.calls.fold.facts import Disposition, Fact, FactKind
from crm_app.calls.models import Call, CallFact
from crm_app.calls.store import upkeep
from crm_app.calls.store.ledger import Recorded, record
from crm_app.demo import make_contact
from crm_app.extensions import db
from crm_app.telephony import services
from crm_app.telephony.services import Probe
from crm_app.telephony.webhook.event_facts import to_fact
from crm_app.telephony.zadarma.events import parse

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
SHORT = ["16200", "1", "12", "101", "4141", "01234", "68999", "116123"]


def tell(event: str, country: str = "PT", pbx_call_id: str = "in_1", **fields: str) -> Recorded:
    fact = to_fact(parse({"event": event, "pbx_call_id": pbx_call_id, **fields}), NOON, country)
    assert fact is not None
    recorded = record(db.session.connection(), fact, "")
    db.session.commit()
    return recorded


def the_call() -> Call:
    db.session.expire_all()
    return db.session.scalars(select(Call)).one()


def nothing(_seconds: float) -> None:
    """Rest for no time at all."""


def rebuilt(call: Call) -> tuple[str, str, str, str]:
    said = (call.direction, call.status, call.outside_number, call.outside_name)
    upkeep.rebuild(db.session, rest=nothing)
    again = the_call()
    assert (again.direction, again.status, again.outside_number, again.outside_name) == said
    return said


@pytest.mark.parametrize("number", SHORT)
def test_a_short_number_that_nobody_knows_is_an_outside_caller(app: Flask, number: str) -> None:
    tell("NOTIFY_START", caller_id=number, called_did="351210000001")
    tell("NOTIFY_INTERNAL", caller_id=number, internal="102")
    tell("NOTIFY_END", caller_id=number, disposition="no answer")
    assert rebuilt(the_call()) == ("inbound", "missed", number, "")


@pytest.mark.parametrize("number", ["16200", "4141", "112"])
def test_a_short_number_that_is_dialled_is_the_other_side(
    app: Flask, bob: User, number: str
) -> None:
    tell("NOTIFY_OUT_START", pbx_call_id="out_1", internal="101", destination=number)
    tell(
        "NOTIFY_OUT_END", pbx_call_id="out_1", internal="101", destination=number,
        disposition="answered", duration="9",
    )  # fmt: skip
    assert rebuilt(the_call()) == ("outbound", "answered", number, "")
    assert the_call().user == bob


def test_a_short_number_of_a_contact_is_that_contact(app: Flask) -> None:
    taxi = make_contact("Taxi")
    taxi.phones[:] = []
    from crm_app.contacts.models import PhoneKind
    from crm_app.contacts.services import add_phone

    add_phone(taxi, "16200", PhoneKind.WORK, None)
    db.session.commit()
    tell("NOTIFY_START", caller_id="16200")
    assert the_call().contact == taxi


def test_an_extension_of_a_user_is_a_colleague_for_good(app: Flask, bob: User) -> None:
    tell("NOTIFY_START", caller_id="101")
    tell("NOTIFY_INTERNAL", caller_id="101", internal="102")
    bob.extension = None
    db.session.commit()
    assert rebuilt(the_call())[::2] == ("internal", "")


def test_an_extension_of_somebody_disabled_is_a_colleague(app: Flask, bob: User) -> None:
    bob.active = False
    db.session.commit()
    tell("NOTIFY_START", caller_id="101")
    tell("NOTIFY_INTERNAL", caller_id="101", internal="102")
    assert the_call().direction == "internal"


def test_an_extension_that_the_pbx_has_listed_is_a_colleague_for_good(app: Flask) -> None:
    services.keep(Probe(extensions=("16200", "105")))
    db.session.commit()
    tell("NOTIFY_START", caller_id="16200")
    tell("NOTIFY_INTERNAL", caller_id="16200", internal="105")
    services.keep(Probe(extensions=("105",)))
    db.session.commit()
    assert rebuilt(the_call())[::2] == ("internal", "")


def test_an_outside_number_stays_outside_when_it_becomes_an_extension(app: Flask) -> None:
    tell("NOTIFY_START", caller_id="16200")
    tell("NOTIFY_END", caller_id="16200", disposition="cancel")
    services.keep(Probe(extensions=("16200",)))
    db.session.commit()
    assert rebuilt(the_call()) == ("inbound", "missed", "16200", "")


@pytest.mark.parametrize("login", ["499499-105", "sip:499499-105@pbx.zadarma.com"])
def test_a_login_of_the_pbx_is_an_extension_by_itself(app: Flask, login: str) -> None:
    tell("NOTIFY_START", caller_id=login)
    tell("NOTIFY_INTERNAL", caller_id=login, internal="102")
    assert rebuilt(the_call())[::2] == ("internal", "")


def test_who_calls_out_is_an_extension_by_itself(app: Flask) -> None:
    tell(
        "NOTIFY_OUT_END", pbx_call_id="out_1", caller_id="105", destination="351910000042",
        disposition="answered", duration="3",
    )  # fmt: skip
    call = the_call()
    assert (call.direction, call.outside_number) == ("outbound", "+351910000042")
    assert call.placed_by_extension == "105"


def test_facts_of_before_take_short_numbers_for_ours(app: Flask) -> None:
    for fact in (
        Fact(FactKind.STARTED, "in_1", NOON, caller="105"),
        Fact(FactKind.RANG, "in_1", NOON, caller="105", extension="102"),
    ):
        record(db.session.connection(), fact, "")
    db.session.execute(db.update(CallFact).values(known=None))
    db.session.commit()
    upkeep.rebuild(db.session, rest=nothing)
    assert the_call().direction == "internal"


@pytest.mark.parametrize(
    ("sent", "name"),
    [("MEO123", "MEO123"), ("MEO 16200", "MEO 16200"), ("sip:meo123@host", "meo123"),
     ("Anonymous", ""), ("+266696687", ""), ("+7378742833", ""), (" 266696687", "")],
)  # fmt: skip
def test_a_text_that_is_no_number_is_the_name_of_a_hidden_caller(
    app: Flask, sent: str, name: str
) -> None:
    tell("NOTIFY_START", caller_id=sent)
    tell("NOTIFY_END", caller_id=sent, disposition="cancel")
    assert rebuilt(the_call()) == ("inbound", "missed", "", name)


@pytest.mark.parametrize(
    ("sent", "number"),
    [("+351912345678 (Studio 54)", "+351912345678"), ("sip:+351912345678@host", "+351912345678"),
     ("+351912345678;ext=12", "+351912345678"), ('"Ana 1" <+351912345678>', "+351912345678"),
     ("266696687", "+351266696687")],
)  # fmt: skip
def test_a_text_with_a_number_is_that_number(app: Flask, sent: str, number: str) -> None:
    tell("NOTIFY_START", caller_id=sent, called_did=sent)
    assert (the_call().outside_number, the_call().did) == (number, number)


@pytest.mark.parametrize(
    ("dialled", "number", "code"),
    [("*31#912345678", "+351912345678", "*31#"), ("#31#+351912345678", "+351912345678", "#31#"),
     ("*67912345678", "+351912345678", "*67"), ("**21*912345678#", "+351912345678", "**21*…#"),
     ("912345678,,45", "+351912345678", ",,45"), ("*31#16200", "16200", "*31#")],
)  # fmt: skip
def test_a_dial_code_is_kept_in_the_fact_and_out_of_the_number(
    app: Flask, dialled: str, number: str, code: str
) -> None:
    tell("NOTIFY_OUT_START", pbx_call_id="out_1", internal="101", destination=dialled)
    assert the_call().outside_number == number
    assert db.session.scalars(select(CallFact)).one().fact.dial_code == code


TWO_READINGS = [
    ("BR", "51987654321", "+5551987654321", "+51987654321"),
    ("ES", "626112345", "+34626112345", "+626112345"),
]


@pytest.mark.parametrize(("country", "sent", "at_home", "abroad"), TWO_READINGS)
class TestTwoReadings:
    def test_it_is_a_number_of_the_country(
        self, app: Flask, country: str, sent: str, at_home: str, abroad: str
    ) -> None:
        tell("NOTIFY_OUT_START", country, "out_1", internal="101", destination=sent)
        assert the_call().outside_number == at_home

    def test_it_is_what_a_contact_has_for_good(
        self, app: Flask, country: str, sent: str, at_home: str, abroad: str
    ) -> None:
        jose = make_contact("José", phones=(abroad,))
        tell("NOTIFY_START", country, caller_id=sent)
        tell("NOTIFY_END", country, caller_id=sent, disposition="cancel")
        assert (the_call().outside_number, the_call().contact) == (abroad, jose)
        jose.phones.clear()
        db.session.commit()
        assert rebuilt(the_call())[2] == abroad

    def test_it_is_at_home_where_contacts_have_both(
        self, app: Flask, country: str, sent: str, at_home: str, abroad: str
    ) -> None:
        make_contact("José", phones=(abroad,))
        ana = make_contact("Ana", phones=(at_home,))
        tell("NOTIFY_START", country, caller_id=sent)
        assert (the_call().outside_number, the_call().contact) == (at_home, ana)

    @pytest.mark.parametrize("form", ["national", "international"])
    def test_it_is_written_as_the_other_numbers_of_the_event(
        self, app: Flask, country: str, sent: str, at_home: str, abroad: str, form: str
    ) -> None:
        line = {"BR": ("1130000000", "551130000000"), "ES": ("910000001", "34910000001")}[country]
        did = line[form == "international"]
        tell("NOTIFY_START", country, caller_id=sent, called_did=did)
        assert the_call().outside_number == (abroad if form == "international" else at_home)


def test_a_fact_reads_back_with_what_was_known(app: Flask, bob: User) -> None:
    tell("NOTIFY_END", caller_id="101", internal="102", disposition="answered", duration="5")
    fact = db.session.scalars(select(CallFact)).one().fact
    assert (fact.extensions, fact.disposition) == (frozenset({"101"}), Disposition.ANSWERED)
