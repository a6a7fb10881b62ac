"""Whose call was missed is called back: one open task for each client, until somebody talks."""

from collections.abc import Callable
from threading import Barrier, Thread

import pytest
from flask import Flask
from sqlalchemy import func, select

from crm_app import clock
from crm_app.accounts.models import User
from crm_app.calls.fold.facts import Disposition, Fact, FactKind
from crm_app.calls.store import ledger, upkeep
from crm_app.demo import make_contact
from crm_app.extensions import db
from crm_app.jobs.models import Job
from crm_app.jobs.runner import Runner
from crm_app.records.bin import put_in_bin
from crm_app.serving.jobs import KINDS
from crm_app.telephony import services
from crm_app.telephony.models import MissedCallTask
from tests.owed import perform
from tests.questions import questions
from tests.telephony.ended_calls import ANNA, STRANGER, call, open_tasks


def test_a_missed_call_of_a_stranger_makes_one_task_for_the_default_responsible(
    responsible: User,
) -> None:
    call("a", STRANGER)
    (task,) = open_tasks()
    assert task.assignee_id == responsible.id
    assert task.title == "Call back 910 000 042"
    assert "910 000 042" in task.about
    assert task.due_at is not None
    assert len(open_tasks()) == 1


def test_it_writes_the_task_in_the_language_of_whom_it_is_for(responsible: User) -> None:
    responsible.language = "pt"
    db.session.commit()
    call("a", STRANGER)
    assert open_tasks()[0].title == "Ligar de volta para 910 000 042"


def test_it_makes_one_task_however_often_the_client_tries(responsible: User) -> None:
    for name in ("a", "b", "c"):
        call(name, STRANGER)
        assert len(open_tasks()) == 1


def test_it_names_the_client_whom_nobody_is_responsible_for(responsible: User) -> None:
    anna = make_contact("Anna Nobody", phones=(ANNA, "+351913000100"))
    db.session.commit()
    call("a", ANNA)
    call("b", "+351913000100")
    (task,) = open_tasks()
    assert task.title == "Call back Anna Nobody"
    assert task.contact_id == anna.id


def test_the_task_is_for_the_one_who_is_responsible_for_the_client(
    responsible: User, dora: User
) -> None:
    contact = make_contact("A client of Dora", phones=(ANNA,), responsible=dora)
    db.session.commit()
    call("a", ANNA)
    (task,) = open_tasks()
    assert (task.assignee_id, task.contact_id) == (dora.id, contact.id)


def test_the_clients_of_somebody_need_no_default_responsible(app: Flask, dora: User) -> None:
    make_contact("A client of Dora", phones=(ANNA,), responsible=dora)
    db.session.commit()
    call("a", ANNA)
    call("b", STRANGER)
    (task,) = open_tasks()
    assert task.assignee_id == dora.id


@pytest.mark.parametrize("reason", ["has left", "in the bin"])
def test_the_default_responsible_stands_in_where_nobody_else_can(
    responsible: User, dora: User, reason: str
) -> None:
    contact = make_contact("A client of Dora", phones=(ANNA,), responsible=dora)
    db.session.commit()
    call("a", ANNA)
    if reason == "has left":
        dora.active = False
    else:
        contact.deleted_at = clock.now()
    db.session.commit()
    (task,) = open_tasks()
    assert task.assignee_id == responsible.id


@pytest.mark.parametrize("out", [False, True])
def test_a_talk_completes_the_task_whichever_side_called(responsible: User, out: bool) -> None:
    call("a", STRANGER)
    (task,) = open_tasks()
    call("b", STRANGER, answered=True, out=out)
    assert open_tasks() == []
    assert task.completed_at is not None
    assert task.completed_by_id == responsible.id


def test_a_try_that_nobody_answered_leaves_the_task_open(responsible: User) -> None:
    call("a", STRANGER)
    call("b", STRANGER, out=True)
    assert len(open_tasks()) == 1


def test_the_next_miss_after_a_talk_makes_a_new_task(responsible: User) -> None:
    call("a", STRANGER)
    first = open_tasks()
    call("b", STRANGER, answered=True)
    call("c", STRANGER)
    second = open_tasks()
    assert len(second) == 1
    assert second[0].id != first[0].id


def test_a_miss_that_was_answered_before_we_looked_makes_no_task(responsible: User) -> None:
    call("a", STRANGER)
    call("b", STRANGER, answered=True)
    assert open_tasks() == []


def test_a_task_that_was_ticked_off_or_deleted_is_not_made_again(responsible: User) -> None:
    call("a", STRANGER)
    (task,) = open_tasks()
    put_in_bin(task, responsible)
    db.session.commit()
    assert [found for found in open_tasks() if found.deleted_at is None] == []


@pytest.mark.parametrize("number", ["", "100"])
def test_hidden_numbers_and_colleagues_make_no_task(
    responsible: User, alice: User, number: str
) -> None:
    call("a", number)
    assert open_tasks() == []


def test_calls_missed_before_somebody_was_responsible_make_no_task(app: Flask, bob: User) -> None:
    call("a", STRANGER)
    services.set_default_responsible(bob.id)
    db.session.commit()
    assert open_tasks() == []


def test_two_workers_make_one_task(app: Flask, responsible: User) -> None:
    for name in ("a", "b"):
        call(name, STRANGER)
    start = Barrier(4)

    def work() -> None:
        with app.app_context():
            start.wait(10)
            perform("call_back", "no_call_back", "talked")
            db.session.remove()

    threads = [Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(open_tasks()) == 1


def test_it_keeps_what_was_missed_while_nobody_could_be_responsible(
    responsible: User, client_of: Callable[[User], object]
) -> None:
    responsible.active = False
    db.session.commit()
    call("a", STRANGER)
    assert open_tasks() == []
    responsible.active = True
    db.session.commit()
    assert len(open_tasks()) == 1


def test_the_task_is_completed_by_whoever_talked_with_this_client(
    responsible: User, dora: User
) -> None:
    call("a", STRANGER)
    (task,) = open_tasks()
    call("b", STRANGER, answered=True)
    call("c", "+351910000099", answered=True, extension="103")
    assert open_tasks() == []
    assert task.completed_by_id == responsible.id


def test_the_task_is_owed_in_the_transaction_of_the_fact(responsible: User) -> None:
    fact = Fact(FactKind.ENDED, "in_lost", clock.now(), caller=STRANGER,
                disposition=Disposition.CANCELLED)  # fmt: skip
    ledger.record(db.session.connection(), fact, "")
    db.session.rollback()
    assert open_tasks() == []
    ledger.record(db.session.connection(), fact, "")
    db.session.commit()
    assert len(open_tasks()) == 1


def test_folding_again_owes_nothing(responsible: User) -> None:
    call("a", STRANGER)
    assert len(open_tasks()) == 1
    owed = db.session.scalar(select(func.count(Job.id)))
    upkeep.rebuild(db.session, rest=lambda _seconds: None)
    assert db.session.scalar(select(func.count(Job.id))) == owed
    assert len(open_tasks()) == 1


def test_a_call_without_consequences_costs_no_statement_more(
    responsible: User, alice: User
) -> None:
    start = Fact(FactKind.STARTED, "in_a", clock.now(), caller=STRANGER, did="+351210000001")
    with questions() as asked:
        ledger.record(db.session.connection(), start, "")
    assert not [statement for statement in asked if "job" in statement]
    db.session.commit()


def test_fifty_who_miss_the_same_client_at_once_make_one_task(
    app: Flask, responsible: User
) -> None:
    make_contact("Anna Nobody", phones=(ANNA, STRANGER))
    db.session.commit()
    now, start = clock.now(), Barrier(50)

    def miss(number: int) -> None:
        fact = Fact(
            FactKind.ENDED, f"in_{number}", now, caller=ANNA if number % 2 else STRANGER,
            disposition=Disposition.CANCELLED,
        )  # fmt: skip
        with app.app_context():
            start.wait(60)
            ledger.record(db.session.connection(), fact, "")
            db.session.commit()
            Runner(KINDS).work(lambda: False)
            db.session.remove()

    threads = [Thread(target=miss, args=(number,)) for number in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert len(open_tasks()) == 1
    assert db.session.scalar(select(func.count(MissedCallTask.call_id))) == 50
