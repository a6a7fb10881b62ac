"""The journal: who did what, old and new; and notes."""

import pytest
from flask import Flask
from sqlalchemy import select

from crm_app import clock
from crm_app.accounts.models import Role, User
from crm_app.errors import InvalidInputError
from crm_app.extensions import db
from crm_app.journal.models import JournalEntry, Note
from crm_app.journal.services import add_note, record
from crm_app.journal.values import difference, snapshot


def test_it_keeps_who_did_what_with_old_and_new(app: Flask, bob: User) -> None:
    before = snapshot(bob, ("name", "role", "active"))
    bob.name, bob.role = "Robert", Role.MANAGER
    record("user", bob.id, "changed", bob, difference(before, snapshot(bob, before)))
    db.session.commit()
    db.session.expire_all()

    entry = db.session.scalar(JournalEntry.of("user", bob.id))

    assert entry is not None
    assert entry.shown == {"name": ["Bob Agent", "Robert"], "role": ["agent", "manager"]}
    assert entry.user == bob
    assert entry.action == "changed"


def test_it_tells_each_record_its_own_story_the_newest_first(app: Flask, bob: User) -> None:
    record("contact", 1, "created", bob)
    record("contact", 1, "changed", None)
    record("contact", 2, "created", bob)
    record("lead", 1, "created", bob)
    db.session.commit()

    entries = db.session.scalars(JournalEntry.of("contact", 1)).all()

    assert [(entry.action, entry.user) for entry in entries] == [
        ("changed", None),
        ("created", bob),
    ]


def test_it_writes_moments_so_that_they_can_be_read_again(app: Flask, bob: User) -> None:
    bob.signed_in_at = clock.now()

    assert snapshot(bob, ("signed_in_at",)) == {
        "signed_in_at": {"value": bob.signed_in_at.isoformat()}
    }


def test_it_keeps_notes_without_the_space_around_them(app: Flask, bob: User) -> None:
    add_note("contact", 1, "  Likes coffee \x00\n", bob)
    db.session.commit()

    note = db.session.scalar(Note.of("contact", 1))

    assert note is not None
    assert (note.text, note.user) == ("Likes coffee", bob)


@pytest.mark.parametrize(
    ("text", "code"),
    [("", "note_empty"), (" \n\x00", "note_empty"), ("x" * 10_001, "note_too_long")],
)
def test_it_refuses_a_note_that(app: Flask, bob: User, text: str, code: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        add_note("contact", 1, text, bob)

    assert refused.value.code == code


def test_it_tells_who_did_something_to_a_record_last(app: Flask, bob: User, dora: User) -> None:
    record("user", bob.id, "disabled", bob)
    record("user", bob.id, "disabled", dora)
    record("user", bob.id, "enabled", bob)
    record("user", dora.id, "disabled", bob)
    db.session.commit()

    def last_disabled_by(user: User) -> set[User]:
        did_it = JournalEntry.last_by(user.id, "user", User.id, "disabled")
        return set(db.session.scalars(select(User).where(did_it)))

    assert last_disabled_by(dora) == {bob}
    assert last_disabled_by(bob) == {dora}


def test_it_sees_no_change_in_the_line_ends_of_a_text(app: Flask, bob: User) -> None:
    bob.name = "Bob\r\nAgent"
    before = snapshot(bob, ("name",))
    bob.name = "Bob\nAgent"

    assert difference(before, snapshot(bob, before)) == {}
