"""The sample office: people, clients, sales, tasks and three weeks of calls, always the same."""

import random
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from flask import current_app
from flask_security import hash_password
from sqlalchemy import delete, func, select
from sqlalchemy.orm import joinedload

from crm_app import clock
from crm_app.accounts.models import Role, User
from crm_app.accounts.presence import services as presence
from crm_app.callbacks import projection
from crm_app.callbacks import services as call_backs
from crm_app.callbacks.models import CallBack
from crm_app.callbacks.rules import Rules
from crm_app.calls.fold.facts import Disposition, Fact, FactKind
from crm_app.calls.models import Call
from crm_app.calls.store import ledger
from crm_app.calls.wrapup.services import wrapup_of
from crm_app.contacts.models import Contact, ContactKind
from crm_app.demo import make_contact, make_lead, make_task, make_user
from crm_app.errors import RamalError
from crm_app.extensions import db
from crm_app.jobs.models import Job
from crm_app.journal.kinds import RecordKind
from crm_app.journal.services import add_note
from crm_app.leads import services as leads
from crm_app.leads.models import Lead, LeadStage, StageKind
from crm_app.office.services import opening_hours
from crm_app.telephony.routing import black_list

DOMAIN = "escritorio.example"
DID = "351210000001"
BLOCKED = "+351939000666"
CALLS = 120
MISSED_MINUTES_AGO = (170, 95, 40, 22, 8)
DAYS = 21

# Name, role, extension, language.
PEOPLE = (
    ("Ana Martins", Role.ADMIN, "100", "en"),
    ("Bruno Carvalho", Role.AGENT, "101", "en"),
    ("Catarina Lopes", Role.AGENT, "102", "pt"),
    ("Duarte Nunes", Role.MANAGER, "103", "en"),
    ("Inês Ferreira", Role.AGENT, "104", "pt"),
)
COMPANIES = (
    "Padaria Central de Aveiro", "Vinhos do Vale, Lda.", "Clínica São Rafael", "Oficina Três Rios",
    "Hotel Mirante do Douro", "Construções Alvorada", "Livraria Ponto Final", "Cerâmica Ria Azul",
)  # fmt: skip
CLIENTS = (
    "Afonso Teixeira", "Beatriz Gonçalves", "Carlos Assunção", "Daniela Simões", "Eduardo Araújo",
    "Filipa Conceição", "Gonçalo Magalhães", "Helena Baptista", "Ivo Guimarães", "Joana Serrão",
    "João Patrício", "Luísa Sequeira", "Miguel Falcão", "Nádia Caldeira", "Óscar Mourão",
    "Patrícia Lobão", "Quitéria Brandão", "Rui Estêvão", "Sónia Leitão", "Tomás Varejão",
    "Úrsula Frazão", "Vítor Galvão", "Xavier Damião", "Zélia Romão",
)  # fmt: skip
JOBS = ("Director", "Owner", "Purchasing", "Reception", "Accounting", "")
SALES = (
    "New phone system", "Yearly maintenance", "Website and shop", "Cabling of the new floor",
    "Training for the team", "Cameras at the entrance", "Replacement of the server",
)  # fmt: skip
SOURCES = ("Call", "Website", "Recommendation", "Fair")
TASKS = (
    "Send the offer", "Call back about the date", "Prepare the contract", "Ask for the tax number",
    "Check the delivery", "Arrange a visit", "Confirm the payment",
)  # fmt: skip

NOTES = (
    "Wants one invoice for the whole year.", "Prefers to be called before eleven.",
    "Compares our offer with one more, decides by the end of the month.",
)  # fmt: skip

# Outcomes with realistic frequency, and notes that sometimes go with them.
WRITTEN: tuple[tuple[str, int, tuple[str, ...]], ...] = (
    ("done", 4, ("Sent the invoice once more.", "Delivery on Thursday before noon.")),
    ("interested", 3, ("Wants a quote by Friday.", "Asks for a visit next week.")),
    ("call_again", 3, ("In a meeting, back after four.", "The partner decides, ring on Monday.")),
    ("not_interested", 1, ("Has signed with somebody else until next year.",)),
    ("wrong_number", 1, ()),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class SignIn:
    """How somebody of the sample office signs in."""

    name: str
    role: str
    extension: str
    email: str
    password: str


def load() -> list[SignIn]:
    """Fill an empty database with the sample office, and give everybody a new password.

    Raises RamalError when the database holds the data of a real office.
    """
    if not is_loaded():
        if _holds_real_data():
            raise RamalError(
                "this database holds the data of a real office, so no sample is put into it. "
                "`flask serve --demo` keeps its own in DATA_DIR/demo."
            )
        _lay()
    return _renew_passwords()


def clear() -> int:
    """Empty a database that holds the sample office, and give the number of rows deleted.

    Raises RamalError when it does not hold the sample office.
    """
    if not is_loaded():
        raise RamalError("this database does not hold the sample office; nothing was deleted.")
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
    return db.session.scalar(select(User.id).where(User.email == _email(PEOPLE[0][0]))) is not None


def known_clients() -> list[tuple[str, str]]:
    """List some clients who may ring the office, with a number of theirs."""
    contacts = db.session.scalars(
        select(Contact).where(Contact.kind == ContactKind.PERSON).order_by(Contact.id).limit(8)
    )
    known = [
        (contact.name, contact.main_phone.number) for contact in contacts if contact.main_phone
    ]
    return [*known, ("Somebody on the black list", BLOCKED)]


def _email(name: str) -> str:
    from crm_app.search_text import normalise

    return f"{normalise(name).replace(' ', '.')}@{DOMAIN}"


def _holds_real_data() -> bool:
    return any(
        db.session.scalar(select(func.count()).select_from(model))
        for model in (User, Contact, Lead)
    )


def _renew_passwords() -> list[SignIn]:
    cards = []
    for name, role, extension, _ in PEOPLE:
        user = db.session.scalars(select(User).where(User.email == _email(name))).one()
        password = secrets.token_urlsafe(9)
        user.password = hash_password(password)
        cards.append(SignIn(name, role.value, user.extension or extension, user.email, password))
    db.session.commit()
    return cards


def _lay() -> None:
    leads.ensure_stages()
    db.session.commit()
    # The same office at every first start, so that two people can talk about what they see.
    dice = random.Random(7)  # noqa: S311
    users = [
        make_user(name, role=role, extension=extension, language=language, email=_email(name))
        for name, role, extension, language in PEOPLE
    ]
    contacts = _lay_contacts(users, dice)
    _lay_leads_and_tasks(users, contacts, dice)
    for fact in _history(contacts, dice):
        ledger.record(db.session.connection(), fact, "")
    for fact in _missed_today(contacts):
        ledger.record(db.session.connection(), fact, "")
    _write_up(dice)
    _say_who_is_away(users)
    _block(users)
    db.session.commit()
    _call_back(users)
    # The follow-ups of old calls were performed long ago.
    db.session.execute(delete(Job))
    db.session.commit()


def _say_who_is_away(users: Sequence[User]) -> None:
    """Let Inês be away for two days, with Catarina as her deputy."""
    _, _, catarina, _, absent = users
    presence.go_away(absent, absent, clock.now() + timedelta(days=2), catarina.id)


def _block(users: Sequence[User]) -> None:
    """Put somebody on the black list who rings too often, and numbers that cost."""
    _, bruno, _, duarte, _ = users
    black_list.block(BLOCKED, "PT", bruno, reason="Sells energy, rings at lunch")
    black_list.block("+35176*", "PT", duarte, reason="Costs extra")


def _lay_contacts(agents: Sequence[User], dice: random.Random) -> list[Contact]:
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
                emails=(f"{_email(name).partition('@')[0]}@cliente.example",),
                job_title=dice.choice(JOBS),
                responsible=dice.choice(agents),
                do_not_call=index == len(CLIENTS) - 1,
                **company,
            )
        )
    return people + companies


def _lay_leads_and_tasks(
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
            due_at=_office_hour(now + timedelta(days=dice.randint(-2, 5)), dice),
            has_time=True,
        )


def _history(contacts: Sequence[Contact], dice: random.Random) -> Iterator[Fact]:
    """Make the facts of calls in the weeks before now, in office hours, oldest first."""
    moments = sorted(_past_moment(clock.now(), dice) for _ in range(CALLS))
    numbers = [contact.phones[0].number for contact in contacts]
    strangers = [f"+35193{dice.randint(1_000_000, 9_999_999)}" for _ in range(12)]
    for index, moment in enumerate(moments):
        outside = dice.choice(numbers if dice.random() < 0.8 else strangers)
        extension = dice.choice(PEOPLE)[2]
        talk = dice.randint(20, 900) if dice.random() < 0.75 else 0
        if dice.random() < 0.65:
            yield from _incoming(index, moment, outside, extension, talk)
        else:
            yield from _outgoing(index, moment, outside, extension, talk)


def _missed_today(contacts: Sequence[Contact]) -> Iterator[Fact]:
    """Make calls of the last hours that nobody answered: one client twice, and a stranger."""
    now = clock.now().replace(second=0, microsecond=0)
    numbers = [contacts[place].phones[0].number for place in (2, 5, 5, 9)]
    for place, (number, minutes) in enumerate(
        zip((*numbers, "+351931112233"), MISSED_MINUTES_AGO, strict=True)
    ):
        moment = now - timedelta(minutes=minutes)
        yield from _incoming(CALLS + place, moment, number, "101", 0)


def _call_back(users: Sequence[User]) -> None:
    """Make the call-backs of the last day, as the worker would have; a colleague has taken one."""
    now = clock.now()
    since = now - timedelta(days=1)
    zone = current_app.config["DEFAULT_TIMEZONE"]
    rules = Rules(since, 15, 5, opening_hours(zone), users[1].id, lambda _number: False)
    calls = select(Call.pbx_call_id).where(Call.started_at > since).order_by(Call.started_at)
    for pbx_call_id in db.session.scalars(calls).all():
        projection.look_at(pbx_call_id, rules)
    waiting = select(CallBack).where(CallBack.done_at.is_(None)).order_by(CallBack.missed_at)
    rows = db.session.scalars(waiting).all()
    if rows:
        call_backs.take(rows[-1].id, users[2])
        call_backs.add_note(rows[0].id, "Asks for the offer of last week.", users[1])


def _write_up(dice: random.Random) -> None:
    """Write up the calls, except a few of the last day."""
    yesterday = clock.now() - timedelta(days=1)
    weights = [often for _outcome, often, _notes in WRITTEN]
    talks = select(Call).where(Call.talk_seconds > 0, Call.user_id.is_not(None))
    for call in db.session.scalars(talks.order_by(Call.id).options(joinedload(Call.user))):
        ended_at = call.ended_at or call.started_at
        if call.user is None or (ended_at > yesterday and dice.random() < 0.3):
            continue
        row = wrapup_of(call, call.user)
        [(row.outcome, _often, notes)] = dice.choices(WRITTEN, weights)
        row.note = dice.choice(notes) if notes and dice.random() < 0.5 else ""
        row.saved_at, row.waits_since = ended_at + timedelta(minutes=1), None


def _past_moment(now: datetime, dice: random.Random) -> datetime:
    """Choose a moment in office hours of the last weeks, more often of the last days."""
    days = min(dice.randint(0, DAYS), dice.randint(0, DAYS))
    moment = _office_hour(now - timedelta(days=days), dice)
    if moment > now - timedelta(minutes=20):
        moment -= timedelta(days=1)
    # Nobody works on Saturdays and Sundays.
    return moment - timedelta(days=max(moment.weekday() - 4, 0))


def _office_hour(day: datetime, dice: random.Random) -> datetime:
    return day.replace(
        hour=dice.randint(8, 16), minute=dice.randrange(0, 60, 5), second=0, microsecond=0
    )


def _incoming(
    index: int, moment: datetime, outside: str, extension: str, talk: int
) -> Iterator[Fact]:
    common = Fact(
        FactKind.STARTED, f"in_sample{index:04d}", moment, caller=outside, did=f"+{DID}",
        pbx_time=f"{moment:%Y-%m-%d %H:%M:%S}",
    )  # fmt: skip
    yield common
    yield replace(
        common, kind=FactKind.RANG, received_at=moment + timedelta(seconds=2), extension=extension
    )
    answered = moment + timedelta(seconds=9)
    if talk:
        yield replace(common, kind=FactKind.ANSWERED, received_at=answered, extension=extension)
    yield replace(
        common,
        kind=FactKind.ENDED,
        received_at=answered + timedelta(seconds=talk or 15),
        extension=extension,
        last_extension=extension if talk else "",
        disposition=Disposition.ANSWERED if talk else Disposition.CANCELLED,
        talk_seconds=talk,
    )


def _outgoing(
    index: int, moment: datetime, outside: str, extension: str, talk: int
) -> Iterator[Fact]:
    started = Fact(
        FactKind.OUTGOING_STARTED, f"out_sample{index:04d}", moment, caller=f"+{DID}",
        called=outside, extension=extension, pbx_time=f"{moment:%Y-%m-%d %H:%M:%S}",
    )  # fmt: skip
    yield started
    yield replace(
        started,
        kind=FactKind.OUTGOING_ENDED,
        received_at=moment + timedelta(seconds=12 + talk),
        disposition=Disposition.ANSWERED if talk else Disposition.NO_ANSWER,
        talk_seconds=talk,
    )
