"""Undo: what the journal gives back, and when it says why not."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, inspect, select

from crm_app.accounts.models import User
from crm_app.contacts import services as contacts
from crm_app.contacts.fields import ContactDraft, PhoneDraft
from crm_app.contacts.models import (
    Contact,
    ContactEmail,
    ContactKind,
    ContactPhone,
    NotThisPerson,
    PhoneKind,
)
from crm_app.contacts.numbers import not_this_person
from crm_app.demo import make_contact, make_lead, make_task
from crm_app.errors import InvalidInputError
from crm_app.extensions import db
from crm_app.journal import services as journal
from crm_app.journal.kinds import RecordKind
from crm_app.journal.models import JournalEntry
from crm_app.leads import services as leads
from crm_app.leads import stages
from crm_app.leads.fields import LeadDraft
from crm_app.leads.models import Lead, StageKind
from crm_app.records import bin as records_bin
from crm_app.records.purge import purge
from crm_app.records.undo import CannotUndoError, is_undone, undo, undo_batch
from crm_app.tasks import services as tasks
from crm_app.tasks.fields import TaskDraft
from crm_app.tasks.models import Task
from tests.leads.pipeline import lose, win

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
Verb = Callable[[], object]
NUMBERS = ["+351912345678", "+351212345678", "+34911222333"]
ADDRESSES = ["ana@example.com", "joao@example.com"]
TEXTS = st.sampled_from(["", "a", "João", "two\nlines", "“quoted” 100 %"])
# A change of the record gives it the next version; that undoing did something shows in these.
MARKS = {"version", "updated_at"}


def state(record: Any) -> dict[str, Any]:
    """All columns of a record and its children, but for what counts the changes."""
    db.session.flush()
    db.session.expire_all()
    rows = {name: getattr(record, name) for name in columns(type(record)) - MARKS}
    if isinstance(record, Contact):
        for child in (ContactPhone, ContactEmail, NotThisPerson):
            theirs = select(child).where(child.contact_id == record.id)
            # A row that comes back has another id.
            names = columns(child) - {"id"}
            rows[child.__tablename__] = sorted(
                (tuple(repr(getattr(row, name)) for name in sorted(names)))
                for row in db.session.scalars(theirs)
            )
    return rows


def columns(model: type[Any]) -> set[str]:
    return {attribute.key for attribute in inspect(model).column_attrs}


def last_entry(record: Any) -> JournalEntry:
    entry = db.session.scalar(JournalEntry.of(record.__tablename__, record.id).limit(1))
    assert entry is not None
    return entry


def entries_of(record: Any) -> list[JournalEntry]:
    return list(db.session.scalars(JournalEntry.of(record.__tablename__, record.id)))


@st.composite
def drafts(draw: Any) -> dict[str, Any]:
    numbers = draw(st.lists(st.sampled_from(NUMBERS), unique=True, max_size=3))
    return {
        "name": draw(st.sampled_from(["Ana", "João Ávila", "Costa & Filhos"])),
        "kind": draw(st.sampled_from(ContactKind)),
        "job_title": draw(TEXTS),
        "address": draw(TEXTS),
        "about": draw(TEXTS),
        "do_not_call": draw(st.booleans()),
        "in_company": draw(st.booleans()),
        "is_mine": draw(st.booleans()),
        "phones": [
            PhoneDraft(
                number=number,
                kind=draw(st.sampled_from(PhoneKind)),
                is_main=draw(st.booleans()),
            )
            for number in numbers
        ],
        "emails": draw(st.lists(st.sampled_from(ADDRESSES), unique=True)),
    }


CONTACT_VERBS = st.one_of(
    st.tuples(st.just("update"), drafts()),
    st.tuples(st.just("add_phone"), st.sampled_from(NUMBERS)),
    st.tuples(st.just("refuse"), st.sampled_from(NUMBERS)),
    st.tuples(st.just("take_back"), st.sampled_from(NUMBERS)),
    st.tuples(st.sampled_from(["delete", "restore"]), st.none()),
)


def do_to_contact(contact: Contact, company: Contact, by: User, verb: str, said: Any) -> None:
    if verb == "update":
        said = dict(said)
        company_id = company.id if said.pop("in_company") else None
        responsible_id = by.id if said.pop("is_mine") else None
        draft = ContactDraft(company_id=company_id, responsible_id=responsible_id, **said)
        contacts.update_contact(contact, draft, by)
    elif verb == "add_phone":
        contacts.add_phone(contact, said, PhoneKind.WORK, by)
    elif verb == "refuse":
        not_this_person.refuse(said, contact, by)
    elif verb == "take_back":
        not_this_person.take_back(said, by, contact)
    elif verb == "delete":
        records_bin.put_in_bin(contact, by)
    else:
        records_bin.restore(contact, by)


LEAD_VERBS = st.one_of(
    st.tuples(
        st.just("update"),
        st.fixed_dictionaries(
            {},
            optional={
                "title": st.sampled_from(["Roof", "Ávila", "Boiler"]),
                "source": TEXTS,
                "about": TEXTS,
                "value_cents": st.sampled_from([None, 0, 12_345_600]),
                "currency": st.sampled_from(["EUR", "USD"]),
                "has_contact": st.booleans(),
                "is_mine": st.booleans(),
            },
        ),
    ),
    st.tuples(st.just("move"), st.integers(0, 4)),
    st.tuples(st.sampled_from(["win", "lose", "delete", "restore"]), st.none()),
)


def do_to_lead(lead: Lead, contact: Contact, by: User, verb: str, said: Any) -> None:
    if verb == "update":
        said = dict(said)
        if "has_contact" in said:
            said["contact_id"] = contact.id if said.pop("has_contact") else None
        if "is_mine" in said:
            said["responsible_id"] = by.id if said.pop("is_mine") else None
        leads.update_lead(lead, LeadDraft(**said), by)
    elif verb == "delete":
        records_bin.put_in_bin(lead, by)
    elif verb == "restore":
        records_bin.restore(lead, by)
    elif not lead.is_in_bin:
        if verb == "move":
            stage = db.session.scalars(stages.in_order()).all()[said]
            leads.move_to(lead, stage, by, lost_reason="Price")
        elif verb == "win":
            win(lead, by)
        else:
            lose(lead, "Time", by)


TASK_VERBS = st.one_of(
    st.tuples(
        st.just("update"),
        st.fixed_dictionaries(
            {},
            optional={
                "title": st.sampled_from(["Call", "Ávila"]),
                "about": TEXTS,
                "due_at": st.none()
                | st.integers(0, 500_000).map(lambda minutes: NOON + timedelta(minutes=minutes)),
                "has_time": st.booleans(),
                "has_contact": st.booleans(),
                "has_lead": st.booleans(),
                "is_mine": st.booleans(),
            },
        ),
    ),
    st.tuples(st.sampled_from(["complete", "reopen", "delete", "restore"]), st.none()),
)


def do_to_task(task: Task, lead: Lead, by: User, verb: str, said: Any) -> None:
    if verb == "update":
        said = dict(said)
        if "has_contact" in said:
            said["contact_id"] = lead.contact_id if said.pop("has_contact") else None
        if "has_lead" in said:
            said["lead_id"] = lead.id if said.pop("has_lead") else None
        if "is_mine" in said:
            said["assignee_id"] = by.id if said.pop("is_mine") else None
        tasks.update_task(task, TaskDraft(**said), by)
    elif verb == "delete":
        records_bin.put_in_bin(task, by)
    elif verb == "restore":
        records_bin.restore(task, by)
    else:
        getattr(tasks, verb)(task, by)


def there_and_back(record: Any, verbs: list[Verb], by: User) -> None:
    """Do it all, undo it all, redo it all by undoing that: each time it is exactly as it was."""
    before, done = [], []
    for verb in verbs:
        was, known = state(record), entries_of(record)
        verb()
        entries = entries_of(record)
        if entries == known:
            assert state(record) == was
        else:
            assert entries[1:] == known
            before.append(was)
            done.append(entries[0])
    after = state(record)
    undone = []
    for was, entry in zip(reversed(before), reversed(done), strict=True):
        undone.append(undo(entry, by))
        assert state(record) == was
    for entry in reversed(undone):
        undo(entry, by)
    assert state(record) == after


property_test = settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


class TestAnySequence:
    @property_test
    @given(verbs=st.lists(CONTACT_VERBS, max_size=6))
    def test_it_gives_a_contact_the_exact_state_before(
        self, app: Flask, bob: User, verbs: list[tuple[str, Any]]
    ) -> None:
        company = make_contact("Company", kind=ContactKind.COMPANY)
        contact = make_contact("Ana", phones=("912345678",), emails=("ana@example.com",))
        there_and_back(
            contact,
            [lambda verb=verb: do_to_contact(contact, company, bob, *verb) for verb in verbs],
            bob,
        )
        db.session.rollback()

    @property_test
    @given(verbs=st.lists(LEAD_VERBS, max_size=6))
    def test_it_gives_a_lead_the_exact_state_before(
        self, app: Flask, bob: User, verbs: list[tuple[str, Any]]
    ) -> None:
        leads.ensure_stages()
        contact, lead = make_contact("Ana"), make_lead("Roof")
        there_and_back(
            lead, [lambda verb=verb: do_to_lead(lead, contact, bob, *verb) for verb in verbs], bob
        )
        db.session.rollback()

    @property_test
    @given(verbs=st.lists(TASK_VERBS, max_size=6))
    def test_it_gives_a_task_the_exact_state_before(
        self, app: Flask, bob: User, verbs: list[tuple[str, Any]]
    ) -> None:
        lead, task = make_lead("Roof", contact_id=make_contact("Ana").id), make_task("Call")
        there_and_back(
            task, [lambda verb=verb: do_to_task(task, lead, bob, *verb) for verb in verbs], bob
        )
        db.session.rollback()


@pytest.fixture
def ana(app: Flask) -> Contact:
    return make_contact("Ana", phones=("912345678",))


def renamed(contact: Contact, by: User, **said: Any) -> JournalEntry:
    """Change a contact as its form would, and give what was written down."""
    phones = [
        PhoneDraft(number=row.number, kind=row.kind, is_main=row.is_main) for row in contact.phones
    ]
    draft = ContactDraft(**{"name": contact.name, "about": contact.about, "phones": phones, **said})
    contacts.update_contact(contact, draft, by)
    return last_entry(contact)


def refused(verb: Callable[[], object]) -> tuple[str, str]:
    """The code and the field of a refusal."""
    with pytest.raises(InvalidInputError) as error:
        verb()
    return error.value.code, error.value.field


class TestOneChange:
    def test_it_is_written_down_as_the_change_back(self, ana: Contact, bob: User) -> None:
        entry = renamed(ana, bob, name="Anna")
        back = undo(entry, bob)
        assert (back.action, back.undoes_id) == ("changed", entry.id)
        assert back.shown == {"name": ["Anna", "Ana"]}
        assert (back.version_before, back.version_after) == (2, 3) == (ana.version - 1, ana.version)
        assert is_undone(entry)
        undo(back, bob)
        assert ana.name == "Anna"
        assert not is_undone(entry)

    def test_it_leaves_what_was_changed_in_other_fields_since(
        self, ana: Contact, bob: User, carol: User
    ) -> None:
        entry = renamed(ana, bob, name="Anna")
        renamed(ana, carol, about="Likes tea")
        undo(entry, bob)
        assert (ana.name, ana.about) == ("Ana", "Likes tea")

    def test_it_is_found_by_its_old_words_and_so_are_its_people(
        self, app: Flask, bob: User
    ) -> None:
        company = make_contact("Costa", kind=ContactKind.COMPANY)
        person = make_contact("Rui", company=company)
        was = state(person)
        entry = renamed(company, bob, name="Silva", kind=ContactKind.COMPANY)
        assert "silva" in person.search_text
        undo(entry, bob)
        assert state(person) == was

    def test_it_takes_a_new_record_to_the_bin_and_out_again(self, ana: Contact, bob: User) -> None:
        back = undo(last_entry(ana), bob)
        assert (ana.is_in_bin, back.action) == (True, "deleted")
        again = undo(back, bob)
        assert (ana.is_in_bin, again.action) == (False, "restored")
        assert refused(lambda: undo(back, bob))[0] == "already_undone"

    def test_it_says_what_was_done_in_the_words_of_the_opposite(
        self, ana: Contact, bob: User
    ) -> None:
        not_this_person.refuse("+351912345678", ana, bob)
        version = ana.version
        back = undo(last_entry(ana), bob)
        assert (back.action, ana.version) == ("this_person_again", version)
        assert back.shown["calls_from"] == [None, "+351912345678"]
        assert db.session.scalars(select(NotThisPerson)).all() == []


class TestRefusals:
    """Why a change is not taken back; nothing is changed then."""

    def test_somebody_changed_the_same_field_since(
        self, ana: Contact, bob: User, carol: User
    ) -> None:
        entry = renamed(ana, bob, name="Anna", about="Likes tea")
        renamed(ana, carol, name="Anne")
        was = state(ana)
        assert refused(lambda: undo(entry, bob)) == ("changed_since", "name")
        assert state(ana) == was

    def test_it_was_taken_back_already(self, ana: Contact, bob: User) -> None:
        entry = renamed(ana, bob, name="Anna")
        undo(entry, bob)
        assert refused(lambda: undo(entry, bob)) == ("already_undone", "name")

    def test_somebody_worked_on_what_was_created(
        self, ana: Contact, bob: User, carol: User
    ) -> None:
        created = last_entry(ana)
        changed = renamed(ana, carol, name="Anna")
        assert refused(lambda: undo(created, bob))[0] == "changed_since"
        undo(changed, carol)
        undo(created, bob)
        assert ana.is_in_bin

    def test_the_record_is_gone(self, app: Flask, bob: User) -> None:
        task = make_task("Call")
        tasks.update_task(task, TaskDraft(about="Soon"), bob)
        entry = last_entry(task)
        db.session.execute(delete(Task))
        db.session.expunge_all()
        assert refused(lambda: undo(db.session.merge(entry), bob))[0] == "record_gone"

    def test_what_it_referred_to_is_gone(self, app: Flask, bob: User) -> None:
        leads.ensure_stages()
        extra = stages.add_stage("Extra", StageKind.OPEN, bob)
        lead = make_lead("Roof", stage=extra)
        leads.move_to(lead, leads.first_stage(StageKind.OPEN), bob)
        stages.delete_stage(extra, bob)
        assert refused(lambda: undo(last_entry(lead), bob)) == ("other_gone", "stage")

    def test_what_it_referred_to_was_purged_and_another_record_is_the_newest(
        self, app: Flask, bob: User
    ) -> None:
        first, lead = make_contact("Ana"), make_lead("Roof")
        leads.update_lead(lead, LeadDraft(contact_id=first.id), bob)
        leads.update_lead(lead, LeadDraft(contact_id=None), bob)
        entry, its_id = last_entry(lead), first.id
        purge(first)
        assert make_contact("Rui").id != its_id
        assert refused(lambda: undo(entry, bob)) == ("other_gone", "contact")
        assert lead.contact is None

    def test_the_record_may_not_be_as_it_was(self, app: Flask, bob: User) -> None:
        person = make_contact("Costa")
        entry = renamed(person, bob, kind=ContactKind.COMPANY)
        make_contact("Rui", company=person)
        was = state(person)
        assert refused(lambda: undo(entry, bob)) == ("company_has_people", "kind")
        assert state(person) == was

    def test_the_stage_has_become_one_of_another_kind(self, app: Flask, bob: User) -> None:
        leads.ensure_stages()
        extra = stages.add_stage("Extra", StageKind.OPEN, bob)
        lead = make_lead("Roof", stage=extra)
        leads.move_to(lead, leads.first_stage(StageKind.OPEN), bob)
        stages.change_stage(extra, "Extra", StageKind.WON, bob)
        assert refused(lambda: undo(last_entry(lead), bob)) == ("stage_kind_changed", "stage")
        assert lead.stage != extra

    def test_an_entry_of_an_earlier_release_has_only_words(self, ana: Contact, bob: User) -> None:
        entry = journal.record(
            RecordKind.CONTACT,
            ana.id,
            "changed",
            bob,
            {"responsible": {"old": {"shown": ""}, "new": {"shown": "Bob"}}},
        )
        db.session.flush()
        assert refused(lambda: undo(entry, bob)) == ("values_unknown", "responsible")

    def test_such_changes_can_only_be_read(self, app: Flask, bob: User) -> None:
        leads.ensure_stages()
        stages.add_stage("Extra", StageKind.OPEN, bob)
        entry = db.session.scalars(JournalEntry.of(RecordKind.PIPELINE, 1)).one()
        assert refused(lambda: undo(entry, bob))[0] == "not_undoable"


class TestBatch:
    def test_it_takes_back_all_that_was_done_together(self, ana: Contact, bob: User) -> None:
        lead = make_lead("Roof", contact_id=ana.id)
        was = state(ana), state(lead)
        with journal.batch() as batch:
            made = contacts.create_contact(ContactDraft(name="Rui"), bob)
            renamed(ana, bob, name="Anna")
            leads.update_lead(lead, LeadDraft(contact_id=made.id, title="New roof"), bob)
            renamed(ana, bob, name="Anne", about="Likes tea")
        renamed(made, bob, name="Rui")
        back = undo_batch(batch, bob)
        assert (state(ana), state(lead), made.is_in_bin) == (*was, True)
        # That was done together as well.
        (again,) = {entry.batch for entry in back}
        assert again not in {None, batch}
        undo_batch(again, bob)
        assert (ana.name, ana.about, lead.contact_id) == ("Anne", "Likes tea", made.id)
        assert not made.is_in_bin

    def test_it_takes_back_all_or_nothing(self, ana: Contact, bob: User, carol: User) -> None:
        rui = make_contact("Rui")
        with journal.batch() as batch:
            renamed(ana, bob, about="Client")
            renamed(rui, bob, about="Client")
        renamed(ana, carol, about="Good client")
        was = state(ana), state(rui)
        with pytest.raises(CannotUndoError) as error:
            undo_batch(batch, bob)
        assert (error.value.code, error.value.entry.record_id) == ("changed_since", ana.id)
        assert (state(ana), state(rui)) == was

    def test_it_leaves_what_was_taken_back_by_itself(self, ana: Contact, bob: User) -> None:
        with journal.batch() as batch:
            first = renamed(ana, bob, about="Client")
            records_bin.put_in_bin(ana, bob)
        undo(first, bob)
        (back,) = undo_batch(batch, bob)
        assert (back.action, ana.about, ana.is_in_bin) == ("restored", "", False)
        assert refused(lambda: undo_batch(batch, bob))[0] == "already_undone"

    def test_nothing_that_is_done_afterwards_belongs_to_it(self, ana: Contact, bob: User) -> None:
        with journal.batch() as outer, journal.batch() as inner:
            assert inner == outer
        assert renamed(ana, bob, about="Client").batch is None
