"""Filling an empty database with the sample office, and emptying it again."""

import random
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from flask import current_app
from flask_security import hash_password
from sqlalchemy import delete, func, select

from crm_app import clock
from crm_app.accounts.models import User
from crm_app.calls.store import ledger
from crm_app.contacts.models import Contact, ContactKind
from crm_app.demo import make_contact, make_lead, make_task, make_user
from crm_app.demo_office import afterwards, messages, recorded
from crm_app.demo_office.calls import CALLS, Talk, history, missed_today, office_hour, outgoing
from crm_app.demo_office.people import (
    BLOCKED,
    CLIENTS,
    COMPANIES,
    DID,
    JOBS,
    NOTES,
    PEOPLE,
    SALES,
    SOURCES,
    TASKS,
    email_of,
)
from crm_app.errors import RamalError
from crm_app.extensions import db
from crm_app.jobs.models import Job
from crm_app.journal.kinds import RecordKind
from crm_app.journal.services import add_note
from crm_app.leads import services as leads
from crm_app.leads.models import Lead, LeadStage, StageKind
from crm_app.live.screen_updates import tell_nobody

# Between the opening of a lead and today.
DAYS = 21
# Calls that nobody answered: one client twice, one of a colleague who is away, and strangers.
MISSED_MINUTES_AGO = (310, 170, 95, 40, 33, 28, 22, 8)
STRANGERS = ("+351931112244", "+351931112233")
# Those, and two by which colleagues called back.
CALLS_TODAY = len(MISSED_MINUTES_AGO) + 2


@dataclass(frozen=True, slots=True)
class SignIn:
    """How somebody of the sample office signs in."""

    name: str
    role: str
    extension: str
    email: str
    password: str


def load(calls: int = CALLS) -> list[SignIn]:
    """Fill an empty database with the sample office, and give everybody a new password.

    `calls` is how many it has had before today. Raises RamalError when the database holds the data
    of a real office.
    """
    if not is_loaded():
        if _holds_real_data():
            raise RamalError(
                "this database holds the data of a real office, so no sample is put into it. "
                "`flask serve --demo` keeps its own in DATA_DIR/demo."
            )
        _make(calls)
    return _renew_passwords()


def clear() -> int:
    """Empty a database that holds the sample office, and give the number of rows deleted.

    Raises RamalError when it does not hold the sample office.
    """
    if not is_loaded():
        raise RamalError("this database does not hold the sample office; nothing was deleted.")
    recorded.delete_files(current_app.extensions["recordings"])
    deleted = 0
    for table in reversed(db.metadata.sorted_tables):
        for key in table.foreign_keys:
            if key.column.table is table:
                # Rows of one table that refer to each other cannot be deleted in any single order.
                db.session.execute(table.update().values({key.parent.name: None}))
        count = db.session.scalar(select(func.count()).select_from(table))
        db.session.execute(table.delete())
        deleted += count or 0
    db.session.commit()
    return deleted


def is_loaded() -> bool:
    """Whether the sample office is what the database holds."""
    return (
        db.session.scalar(select(User.id).where(User.email == email_of(PEOPLE[0][0]))) is not None
    )


def known_clients() -> list[tuple[str, str]]:
    """List some clients who may ring the office, with a number of theirs."""
    contacts = db.session.scalars(
        select(Contact).where(Contact.kind == ContactKind.PERSON).order_by(Contact.id).limit(8)
    )
    known = [
        (contact.name, contact.main_phone.number) for contact in contacts if contact.main_phone
    ]
    return [*known, ("Somebody on the black list", BLOCKED)]


def _holds_real_data() -> bool:
    return any(
        db.session.scalar(select(func.count()).select_from(model))
        for model in (User, Contact, Lead)
    )


def _renew_passwords() -> list[SignIn]:
    cards = []
    for name, role, extension, _ in PEOPLE:
        user = db.session.scalars(select(User).where(User.email == email_of(name))).one()
        password = secrets.token_urlsafe(9)
        user.password = hash_password(password)
        cards.append(SignIn(name, role.value, user.extension or extension, user.email, password))
    db.session.commit()
    return cards


def _make(calls: int) -> None:
    leads.ensure_stages()
    db.session.commit()
    # The same office at every first start, so that two people can talk about what they see.
    dice = random.Random(7)  # noqa: S311
    users = [
        make_user(name, role=role, extension=extension, language=language, email=email_of(name))
        for name, role, extension, language in PEOPLE
    ]
    contacts = _make_contacts(users, dice)
    _make_leads_and_tasks(users, contacts, dice)
    afterwards.set_up(users)
    _make_calls(users, contacts, dice, calls)
    afterwards.write_up(dice)
    recorded.keep(users, current_app.extensions["recordings"], dice)
    tell_nobody()
    db.session.commit()
    afterwards.call_back(users, dice)
    afterwards.call_one_by_one(users)
    afterwards.talk_elsewhere(users)
    messages.add_messages(users, contacts, f"+{DID}")
    afterwards.compare_with_pbx()
    afterwards.pay()
    # The follow-ups of old calls were performed long ago.
    db.session.execute(delete(Job))
    recorded.await_newest()
    tell_nobody()
    db.session.commit()


def _make_calls(
    users: Sequence[User], contacts: Sequence[Contact], dice: random.Random, count: int
) -> None:
    absent = users[-1].id
    theirs = next(one for one in contacts if one.responsible_id == absent)
    others = [one for one in contacts if one.responsible_id != absent]
    numbers = [one.phones[0].number for one in (*others[:3], others[1], theirs, others[3])]
    callers = (STRANGERS[0], *numbers, STRANGERS[1])
    today = missed_today(list(zip(callers, MISSED_MINUTES_AGO, strict=True)), count)
    moment = clock.now().replace(second=0, microsecond=0)
    # The first one was reached since; another was called, and was not there.
    tried = [
        outgoing(count + 8, moment - timedelta(minutes=130), numbers[0], Talk("103", 74)),
        outgoing(count + 9, moment - timedelta(minutes=30), numbers[1], Talk("101")),
    ]
    for facts in (*history(contacts, dice, count), *today, *tried):
        for fact in facts:
            ledger.record(db.session.connection(), fact, "")


def _make_contacts(agents: Sequence[User], dice: random.Random) -> list[Contact]:
    companies = [
        make_contact(
            name,
            kind=ContactKind.COMPANY,
            phones=(f"210 000 {100 + index}",),
            emails=(f"geral@cliente{index + 1}.example",),
            responsible=dice.choice(agents),
        )
        for index, name in enumerate(COMPANIES)
    ]
    people = []
    for index, name in enumerate(CLIENTS):
        work = (f"210 001 {100 + index}",) if index % 3 == 0 else ()
        company = {"company": dice.choice(companies)} if dice.random() < 0.8 else {}
        people.append(
            make_contact(
                name,
                phones=(f"912 000 {100 + index}", *work),
                emails=(f"{email_of(name).partition('@')[0]}@cliente.example",),
                job_title=dice.choice(JOBS),
                responsible=dice.choice(agents),
                do_not_call=index == len(CLIENTS) - 1,
                **company,
            )
        )
    return people + companies


def _make_leads_and_tasks(
    agents: Sequence[User], contacts: Sequence[Contact], dice: random.Random
) -> None:
    stages = list(db.session.scalars(select(LeadStage).order_by(LeadStage.position)))
    now = clock.now()
    for index in range(18):
        contact, stage = contacts[index], stages[index % len(stages)]
        closed: dict[str, Any] = {}
        if stage.kind != StageKind.OPEN:
            closed["closed_at"] = now - timedelta(days=dice.randint(1, DAYS))
        if stage.kind == StageKind.LOST:
            closed["lost_reason"] = "Too expensive"
        lead = make_lead(
            dice.choice(SALES),
            stage=stage,
            contact=contact,
            value_cents=dice.randrange(300, 9000) * 100,
            source=dice.choice(SOURCES),
            responsible=contact.responsible,
            created_at=now - timedelta(days=dice.randint(DAYS, 2 * DAYS)),
            **closed,
        )
        if index % 3 == 0:
            add_note(RecordKind.LEAD, lead.id, dice.choice(NOTES), contact.responsible)
        make_task(
            dice.choice(TASKS),
            contact=contact,
            lead=lead if stage.kind == StageKind.OPEN else None,
            assignee=contact.responsible or agents[0],
            due_at=office_hour(now + timedelta(days=dice.randint(-2, 5)), dice),
            has_time=True,
        )
