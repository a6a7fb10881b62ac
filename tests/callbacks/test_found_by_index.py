"""Whom a call-back is about is found by indexes: the job runs once for every call that ends."""

import re
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from sqlalchemy import select

from crm_app.accounts.models import User
from crm_app.callbacks import clients
from crm_app.callbacks.clients import Client
from crm_app.callbacks.models import CallBack
from crm_app.calls.models import Call
from crm_app.demo import make_contact
from crm_app.extensions import db
from tests.callbacks.ended_calls import ANNA, STRANGER, call, open_call_backs
from tests.plans import plan_of

BRAZIL = "+5511987654321"
Look = Callable[[CallBack, Call], Any]
LOOKS: dict[str, Look] = {
    "by contact": lambda row, _missed: clients.row_of(Client(row.contact_id, row.number)),
    "by number": lambda row, _missed: clients.row_of(Client(None, row.number)),
    "by a number of two forms": lambda row, _missed: clients.row_of(Client(None, BRAZIL)),
    "waiting for a number": lambda row, _missed: db.session.execute(
        clients.waiting_for(row.number)
    ).all(),
    "numbers": lambda row, _missed: clients.numbers_of(row),
    "missed before": lambda _row, missed: clients._row_waiting_for(missed, None),
    "in its row": lambda row, missed: clients._row_waiting_for(missed, row.id),
    "of a contact": lambda row, _missed: db.session.execute(
        select(CallBack.id).where(clients.is_of_contact(row.contact_id or 0))
    ).all(),
}


def call_of(row: CallBack) -> Call:
    found = db.session.scalars(select(Call).where(Call.outside_number == row.number))
    return found.one()


@pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS.keys())
def test_no_look_up_reads_a_table_whole(responsible: User, look: Look) -> None:
    make_contact("Anna", phones=(ANNA,), responsible=responsible)
    db.session.commit()
    call("one", ANNA)
    call("two", STRANGER)
    for row in open_call_backs():
        db.session.refresh(row)
        plan = plan_of(partial(look, row, call_of(row)), of="call_back")
        assert "ix_call" in plan or "sqlite_autoindex" in plan or "_pkey" in plan, plan
        assert not re.search(r"SCAN|Seq Scan", plan), plan
