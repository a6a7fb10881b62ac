"""E-mails about call-backs: one for each step and person, really sent, or said in words."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from html import unescape

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from crm_app import clock
from crm_app.accounts.models import BrowserSession, User
from crm_app.accounts.presence import services as presence
from crm_app.accounts.services import disable
from crm_app.callbacks import services as call_backs
from crm_app.callbacks.mails.owed import MAIL
from crm_app.callbacks.models import CallBack
from crm_app.demo import make_contact, make_user
from crm_app.extensions import db
from crm_app.jobs.models import Job
from crm_app.jobs.runner import Runner
from crm_app.mail import services as mail
from crm_app.serving.jobs import KINDS
from crm_app.telephony import services as telephony
from tests.callbacks.ended_calls import ANNA, STRANGER, call, open_call_backs
from tests.mail.postbox import Postbox, serving
from tests.owed import perform
from tests.ports import free_port

MONDAY = datetime(2026, 3, 2, 10, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _monday() -> Iterator[None]:
    with time_machine.travel(MONDAY, tick=False):
        yield


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def office(office: Flask, port: int, alice: User) -> Flask:
    """An office that reminds by e-mail, too."""
    set_up(office, port, alice)
    telephony.set_switches({"call_back_email": "on"})
    db.session.commit()
    return office


@pytest.fixture
def postbox(port: int) -> Iterator[Postbox]:
    box = Postbox()
    with serving(box, port):
        yield box


@pytest.fixture
def due(office: Flask, bob: User, dora: User) -> CallBack:
    """A call-back of a client of Bob that is due now."""
    make_contact("Anna Sousa", phones=(ANNA,), responsible=bob)
    come_in()
    return missed(ANNA)


def set_up(app: Flask, port: int, by: User) -> None:
    typed = mail.Typed("localhost", port, "none", "office@example.com")
    mail.change(typed, app.extensions["vault"], by)
    db.session.commit()


def come_in() -> None:
    """Let everybody have a password and be seen, as people do who have accepted an invitation."""
    for user in db.session.scalars(select(User)):
        user.password = "a hash"
        db.session.add(BrowserSession(token_hash=f"x{user.id}", user_id=user.id, user_key="k"))
    db.session.commit()


def missed(number: str) -> CallBack:
    call("a", number)
    (row,) = open_call_backs()
    row.due_at = clock.now()
    db.session.commit()
    return row


def tend() -> None:
    perform("tend_call_backs")


def send() -> list[str]:
    """Let the worker send what is due, and give why messages did not go out."""
    Runner([kind for kind in KINDS if kind.name == MAIL]).work(lambda: False)
    db.session.expire_all()
    owed = select(Job).where(Job.kind == MAIL, Job.done_at.is_(None))
    return [job.last_error for job in db.session.scalars(owed)]


def to(postbox: Postbox) -> list[str]:
    return sorted(address for addresses in postbox.recipients for address in addresses)


def test_who_is_to_call_gets_one_message_with_all_it_takes(
    due: CallBack, bob: User, postbox: Postbox
) -> None:
    tend()
    assert send() == []
    tend()
    assert send() == []
    (message,) = postbox.messages
    assert message["To"] == "Bob Agent <bob.agent@example.com>"
    assert message["Subject"] == "Call back Anna Sousa"
    assert postbox.text().split("\n\n")[2].splitlines() == [
        "Client: Anna Sousa",
        "Number: 912 000 100",
        "Waiting since: 2 Mar 2026, 09:10",
        "Calls missed: 1",
        "Tries: none yet",
        "Due: 2 Mar 2026, 10:00",
        "Whose: Bob Agent",
    ]
    assert f"http://127.0.0.1:8000/callbacks/{due.id}\n" in postbox.text()


def test_it_is_in_the_readers_language_and_in_the_offices_time(
    due: CallBack, bob: User, postbox: Postbox
) -> None:
    bob.language, bob.timezone = "pt", "Asia/Tokyo"
    db.session.commit()
    tend()
    send()
    (message,) = postbox.messages
    assert message["Subject"] == "Ligar de volta para Anna Sousa"
    assert "2/03/2026, 09:10" in postbox.text()
    assert "Cliente: Anna Sousa" in postbox.text()


def test_a_try_is_named_with_who_and_when(due: CallBack, bob: User, postbox: Postbox) -> None:
    bob.extension = "101"
    db.session.commit()
    call("b", ANNA, out=True)
    open_call_backs()
    tend()
    send()
    assert "Tries: 1 try, the last one by Bob Agent: 2 Mar 2026, 09:11" in postbox.text()


def test_of_one_in_the_pool_all_hear_who_are_here_and_have_come_in(
    office: Flask, bob: User, dora: User, alice: User, postbox: Postbox
) -> None:
    come_in()
    make_user("Ivo who was invited")
    presence.go_away(dora, None)
    missed(STRANGER)
    tend()
    send()
    assert to(postbox) == sorted([alice.email, bob.email])
    assert postbox.messages[0]["Subject"] == "Call back 910 000 042"


def test_managers_get_one_when_it_is_late(due: CallBack, dora: User, postbox: Postbox) -> None:
    due.due_at = clock.now() - timedelta(minutes=15)
    db.session.commit()
    tend()
    send()
    tend()
    send()
    late = [one for one in postbox.messages if one["Subject"] == "Late: call back Anna Sousa"]
    assert len(postbox.messages) == len(late) + 1
    assert sorted(str(one["To"]) for one in late) == [
        "Alice Admin <alice.admin@example.com>",
        "Dora Manager <dora.manager@example.com>",
    ]


def test_nothing_is_sent_about_what_is_done_or_taken_or_put_off_meanwhile(
    due: CallBack, bob: User, dora: User, postbox: Postbox
) -> None:
    tend()
    call_backs.take(due.id, dora)
    db.session.commit()
    assert send() == []
    call_backs.release(due.id, dora)
    for _again in range(2):
        call_backs.snooze(due.id, clock.now() + timedelta(seconds=1), bob)
        db.session.commit()
        with time_machine.travel(MONDAY + timedelta(minutes=1), tick=False):
            tend()
            call_backs.snooze(due.id, MONDAY + timedelta(hours=1), bob)
            db.session.commit()
            assert send() == []
    call_backs.done(due.id, "Wrote a letter", bob)
    db.session.commit()
    assert postbox.messages == []


def test_what_was_put_off_is_said_again_when_its_time_has_come(
    due: CallBack, bob: User, postbox: Postbox
) -> None:
    tend()
    send()
    call_backs.snooze(due.id, MONDAY + timedelta(hours=1), bob)
    db.session.commit()
    with time_machine.travel(MONDAY + timedelta(hours=1), tick=False):
        tend()
        send()
    assert len(postbox.messages) == 2
    assert len({str(one["Message-ID"]) for one in postbox.messages}) == 2


def test_who_was_disabled_meanwhile_gets_none(
    due: CallBack, bob: User, alice: User, postbox: Postbox
) -> None:
    tend()
    disable(bob, alice)
    db.session.commit()
    assert send() == []
    assert postbox.messages == []


def test_while_it_is_switched_off_or_no_server_is_set_up_nothing_is_owed(
    due: CallBack, alice: User, postbox: Postbox
) -> None:
    telephony.set_switches({"call_back_email": "off"})
    db.session.commit()
    tend()
    due.reminded_at = None
    telephony.set_switches({"call_back_email": "on"})
    mail.forget(alice)
    db.session.commit()
    tend()
    assert db.session.scalar(select(Job.id).where(Job.kind == MAIL)) is None


def test_what_was_owed_before_it_was_switched_off_is_not_sent(
    due: CallBack, postbox: Postbox
) -> None:
    tend()
    telephony.set_switches({"call_back_email": "off"})
    db.session.commit()
    assert send() == []
    assert postbox.messages == []


def test_a_server_that_was_away_gets_each_message_once_after_growing_pauses(
    due: CallBack, port: int
) -> None:
    tend()
    assert send() == ["MailError: cannot_connect"]
    box = Postbox()
    with serving(box, port):
        assert send() == ["MailError: cannot_connect"]
        assert box.connections == 0
        with time_machine.travel(MONDAY + timedelta(seconds=6), tick=False):
            assert send() == []
            assert send() == []
    assert len(box.messages) == 1


def test_a_server_that_is_away_is_asked_once_for_all_messages(
    office: Flask, bob: User, dora: User, port: int
) -> None:
    come_in()
    missed(STRANGER)
    tend()
    assert len(send()) == 3
    server = mail.MailServer.find()
    assert server is not None
    assert (server.failures, server.failure) == (1, "cannot_connect")


def test_a_server_that_was_away_for_days_is_asked_again_within_a_quarter_of_an_hour(
    due: CallBack,
) -> None:
    tend()
    (job,) = db.session.scalars(select(Job).where(Job.kind == MAIL))
    job.tries = 50
    db.session.commit()
    send()
    assert job.due_at == MONDAY + timedelta(minutes=15)


def test_a_refused_address_does_not_keep_the_others_waiting(
    office: Flask, bob: User, alice: User, dora: User, postbox: Postbox
) -> None:
    postbox.refused = {alice.email}
    come_in()
    missed(STRANGER)
    tend()
    assert send() == ["MailError: address_refused 550 5.1.1 No such mailbox here"]
    assert to(postbox) == sorted([bob.email, dora.email])


def test_managers_read_on_the_health_page_why_a_message_did_not_go_out(
    due: CallBack, dora: User, client_of: Callable[[User], FlaskClient]
) -> None:
    tend()
    send()
    browser = client_of(dora)
    db.session.rollback()
    page = unescape(browser.get("/telephony/health").text)
    assert "E-mails about call-backs" in page
    assert "The mail server cannot be reached: check its name and port." in page
    assert "MailError" not in page
