"""Talks that no PBX saw: who enters them, what they finish, and where they do not count."""

import re
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from crm_app import clock
from crm_app.accounts.models import User
from crm_app.accounts.services import change_office
from crm_app.callbacks.models import CallBack
from crm_app.contacts.models import Contact
from crm_app.demo import make_contact
from crm_app.extensions import db
from crm_app.journal.models import JournalEntry
from crm_app.records.purge import purge
from crm_app.talks.models import Talk
from tests.contacts.sent_forms import sent
from tests.questions import questions
from tests.reader import elements_of

ClientOf = Callable[[User], FlaskClient]
TOKEN = re.compile('(?<=name="csrf_token" value=")[^"]*')
NOON = "2026-03-10T12:00:00+00:00"
TYPED = {
    "kind": "mobile", "direction": "inbound", "day": "2026-03-10", "time": "11:30",
    "minutes": "12", "outcome": "interested", "note": "Wants a quote", "form_key": "k1",
}  # fmt: skip

BY_HAND = '<section class="card mb-3" aria-labelledby="report-by-hand">'

pytestmark = pytest.mark.usefixtures("noon")


@pytest.fixture
def noon() -> Iterator[None]:
    """It is noon in Lisbon, and stays noon."""
    with time_machine.travel(NOON, tick=False):
        yield


@pytest.fixture
def ana(app: Flask, bob: User) -> Contact:
    """Bob's client."""
    return make_contact("Ana", phones=("+351910000042",), responsible=bob)


def enter(browser: FlaskClient, ana: Contact, **changed: str) -> int:
    address, data = f"/talks/new?contact_id={ana.id}", {**TYPED, **changed}
    code = browser.post(address, data=data).status_code
    db.session.rollback()
    return code


def talks() -> list[Talk]:
    db.session.expire_all()
    return list(db.session.scalars(select(Talk).order_by(Talk.id)))


def box(browser: FlaskClient, contact_id: int) -> str:
    return browser.get(f"/talks/for-contact/{contact_id}", headers={"HX-Request": "true"}).text


def main_of(browser: FlaskClient, address: str) -> str:
    main = browser.get(address).text.partition("<main")[2].partition("</main>")[0]
    return TOKEN.sub("", main)


def missed(ana: Contact, hours: float, **more: object) -> CallBack:
    at = clock.now() - timedelta(hours=hours)
    row = CallBack(contact_id=ana.id, first_missed_at=at, missed_at=at, due_at=at, **more)
    db.session.add(row)
    db.session.commit()
    return row


def history(ana: Contact) -> list[str]:
    entries = db.session.scalars(JournalEntry.of("contact", ana.id)).all()
    return [one.action for one in entries if one.action.startswith("talk_")][::-1]


def test_a_talk_is_entered_and_shown_on_the_contact(
    client_of: ClientOf, bob: User, ana: Contact
) -> None:
    browser = client_of(bob)
    assert "No talks entered by hand." in box(browser, ana.id)
    form = elements_of(browser.get(f"/talks/new?contact_id={ana.id}").text)
    shown = {one.get("name"): one.get("value") for one in form if one.tag == "input"}
    assert (shown["day"], shown["time"]) == ("2026-03-10", "12:00")
    assert enter(browser, ana) == 303
    text = box(browser, ana.id)
    for words in ("On a mobile", "They called", "12 min", "Interested", "Wants a quote", "Bob"):
        assert words in text
    assert "Entered by hand" in text
    assert f"/talks/for-contact/{ana.id}" in browser.get(f"/contacts/{ana.id}").text


def test_nobody_called_anybody_on_a_visit(client_of: ClientOf, bob: User, ana: Contact) -> None:
    assert enter(client_of(bob), ana, kind="visit", minutes="") == 303
    [talk] = talks()
    assert (talk.kind, talk.direction, talk.minutes) == ("visit", None, None)


@pytest.mark.parametrize(
    ("field", "typed"),
    [
        ("time", "12:01"),
        ("day", "2026-03-11"),
        ("day", "0001-01-01"),
        ("minutes", "0"),
        ("minutes", "601"),
        ("minutes", "some"),
        ("kind", "pigeon"),
        ("outcome", "unheard of"),
        ("note", "x" * 10_001),
    ],
)
def test_what_cannot_be_is_refused_and_what_was_typed_stays(
    client_of: ClientOf, bob: User, ana: Contact, field: str, typed: str
) -> None:
    data = {**TYPED, field: typed}
    answer = client_of(bob).post(f"/talks/new?contact_id={ana.id}", data=data)
    assert answer.status_code == 422
    assert 'aria-invalid="true"' in answer.text
    assert data["note"] in answer.text
    assert talks() == []


def test_a_form_that_is_sent_twice_enters_one_talk(
    client_of: ClientOf, bob: User, ana: Contact
) -> None:
    browser = client_of(bob)
    assert (enter(browser, ana), enter(browser, ana)) == (303, 303)
    assert len(talks()) == 1
    assert history(ana) == ["talk_entered"]


def test_only_managers_say_that_a_colleague_talked(
    client_of: ClientOf, alice: User, bob: User, dora: User, ana: Contact
) -> None:
    enter(client_of(bob), ana, user_id=str(alice.id))
    enter(client_of(dora), ana, user_id=str(bob.id))
    assert [(one.user_id, one.entered_by_id) for one in talks()] == [
        (bob.id, bob.id), (bob.id, dora.id),
    ]  # fmt: skip
    assert f"Entered by hand by {dora.name}" in box(client_of(bob), ana.id)


def test_it_is_changed_by_who_talked_and_by_managers_and_the_history_says_so(
    client_of: ClientOf, bob: User, carol: User, dora: User, ana: Contact
) -> None:
    enter(client_of(bob), ana)
    [talk] = talks()
    address, data = f"/talks/{talk.id}/edit", {**TYPED, "note": "Wants two quotes"}
    other = client_of(carol)
    assert "Wants a quote" in box(other, ana.id)
    assert address not in box(other, ana.id)
    assert other.post(address, data=data).status_code == 404
    assert other.post(f"/talks/{talk.id}/delete").status_code == 404
    client = client_of(bob)
    typed = sent(client.get(address).text, note="Wants two quotes")
    assert client.post(address, data=typed).status_code == 303
    assert talks()[0].note == "Wants two quotes"
    # Nothing was changed, and nothing is noted.
    typed = sent(client_of(dora).get(address).text)
    assert typed["user_id"] == str(bob.id)
    assert client_of(dora).post(address, data=typed).status_code == 303
    assert client_of(dora).post(f"/talks/{talk.id}/delete").status_code == 303
    assert talks() == []
    assert history(ana) == ["talk_entered", "talk_changed", "talk_deleted"]
    page = client_of(bob).get(f"/contacts/{ana.id}").text
    for words in ("entered a talk by hand", "deleted a talk entered by hand", "Wants two quotes"):
        assert words in page


def test_who_saves_second_is_shown_what_the_first_one_changed_and_loses_nothing(
    client_of: ClientOf, bob: User, dora: User, ana: Contact
) -> None:
    first, second = client_of(dora), client_of(bob)
    enter(second, ana)
    enter(second, ana, form_key="k2", note="Another talk")
    talk, other = talks()
    address = f"/talks/{talk.id}/edit"
    hers, his, late = (one.get(address).text for one in (first, second, second))
    elsewhere = f"/talks/{other.id}/edit"
    first.post(elsewhere, data=sent(first.get(elsewhere).text, note="Of the other talk"))
    first.post(address, data=sent(hers, note="hers", minutes="20"))

    refused = second.post(address, data=sent(his, note="his", kind="other"))

    assert refused.status_code == 409
    warning = refused.text.partition("data-conflict")[2].partition("</ul>")[0]
    for words in ("Dora Manager", "<del>Wants a quote</del>", "<ins>hers</ins>", "<ins>20</ins>"):
        assert words in warning
    assert "Of the other talk" not in warning
    assert "Save my version" in refused.text
    assert (talks()[0].note, talks()[0].minutes) == ("hers", 20)
    offered = sent(refused.text)
    assert (offered["note"], offered["kind"], offered["minutes"]) == ("his", "other", "20")
    # Between the warning and the second try it is changed once more: only that is said.
    first.post(address, data=sent(first.get(address).text, outcome=""))
    again = second.post(address, data=offered)
    assert again.status_code == 409
    assert "<ins>hers</ins>" not in again.text
    assert second.post(address, data=sent(again.text)).status_code == 303
    saved = talks()[0]
    assert (saved.note, saved.kind, saved.minutes, saved.outcome) == ("his", "other", 20, "")
    # A form that says what is saved already, as after a second click, is no conflict.
    same = sent(late, note="his", kind="other", minutes="20", outcome="")
    assert second.post(address, data=same).status_code == 303
    assert history(ana).count("talk_changed") == 4
    # Without what it showed nobody knows what it would overwrite.
    assert second.post(address, data={**TYPED, "note": "blind"}).status_code == 409


def test_a_restricted_agent_enters_and_sees_none_of_anothers_client(
    client_of: ClientOf, alice: User, bob: User, carol: User, ana: Contact
) -> None:
    enter(client_of(bob), ana)
    change_office("", restricts_agents=True, by=alice)
    db.session.commit()
    browser = client_of(carol)
    assert enter(browser, ana) == 404
    assert browser.get(f"/talks/new?contact_id={ana.id}").status_code == 404
    assert browser.get(f"/talks/for-contact/{ana.id}").status_code == 404
    assert len(talks()) == 1


def test_it_finishes_the_call_back_of_a_client_who_was_missed_before(
    client_of: ClientOf, bob: User, ana: Contact
) -> None:
    row = missed(ana, hours=2, owner_id=bob.id)
    enter(client_of(bob), ana)
    db.session.refresh(row)
    assert not row.is_open
    assert (row.done_how, row.done_by_id) == ("hand", bob.id)
    assert row.done_reason == "Talk entered by hand: On a mobile"


@pytest.mark.parametrize("why", ["missed after", "opened again after", "taken"])
def test_it_leaves_a_call_back_open_that_is_still_owed(
    client_of: ClientOf, bob: User, carol: User, ana: Contact, why: str
) -> None:
    states = {
        "missed after": {},
        "opened again after": {"reopened_at": clock.now() - timedelta(minutes=10)},
        "taken": {"taken_by_id": carol.id, "taken_at": clock.now()},
    }
    row = missed(ana, hours=0.25 if why == "missed after" else 2, **states[why])
    browser = client_of(bob)
    assert enter(browser, ana) == 303
    db.session.refresh(row)
    assert row.is_open
    said = f"{carol.name} has taken it" in browser.get(f"/contacts/{ana.id}").text
    assert said == (why == "taken")


def test_it_is_no_call_and_is_counted_apart(
    client_of: ClientOf, alice: User, bob: User, ana: Contact
) -> None:
    browser, report = client_of(alice), "/reports/calls?since=2026-03-09&until=2026-03-10"
    of_calls = ("/calls", "/board", "/telephony/balance", report)
    before = {page: main_of(browser, page) for page in of_calls}
    with questions() as few:
        browser.get(report)
    enter(client_of(bob), ana)
    enter(client_of(bob), ana, time="09:00", minutes="")
    with questions() as many:
        browser.get(report)
    assert len(many) == len(few)
    after = {page: main_of(browser, page) for page in of_calls}
    start, by_hand, rest = after[report].partition(BY_HAND)
    part, _end, rest = rest.partition("</section>")
    cells = [one.text for one in elements_of(part) if one.tag in {"td", "th"}]
    assert by_hand
    assert "table=by-hand" in part
    assert cells == ["Colleague", "Talks", "Minutes", bob.name, "2", "12"]
    file = browser.get(report.replace("calls?", "calls.csv?table=by-hand&"))
    assert file.text.splitlines()[1:] == [f"{bob.name},2,12"]
    assert "calls-by-hand-2026-03-09_2026-03-10.csv" in file.headers["Content-Disposition"]
    # All the rest is what it was.
    after[report] = start + rest
    assert {page: text.split() for page, text in after.items()} == {
        page: text.split() for page, text in before.items()
    }
    earlier = "/reports/calls?since=2026-03-01&until=2026-03-09"
    assert BY_HAND not in main_of(browser, earlier)


def test_talks_go_into_the_bin_and_away_with_their_contact_as_notes_do(
    client_of: ClientOf, bob: User, ana: Contact
) -> None:
    browser = client_of(bob)
    browser.post(f"/contacts/{ana.id}/delete")
    # What was typed meanwhile is kept.
    assert enter(browser, ana) == 303
    assert browser.get(f"/talks/new?contact_id={ana.id}").status_code == 404
    text = box(browser, ana.id)
    assert "Wants a quote" in text
    assert "/talks/new" not in text
    purge(db.session.get_one(Contact, ana.id))
    db.session.commit()
    assert talks() == []
