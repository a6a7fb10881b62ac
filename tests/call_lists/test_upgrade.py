"""Entries of an older office stay when leads with only a number come onto lists, and go back."""

from datetime import UTC, datetime

import pytest
from flask_migrate import downgrade, upgrade
from sqlalchemy import inspect, text
from sqlalchemy.exc import IntegrityError

from crm_app.call_lists.models import CallListEntry
from crm_app.extensions import db
from tests.callbacks.test_upgrade import add
from tests.house.test_migrations import MakeApp, new_house  # noqa: F401

BEFORE = "0052"
NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)


def fill() -> None:
    """Make an office with a list of one contact, and a lead that has only a number."""
    record = {"created_at": NOON, "updated_at": NOON, "version": 1}
    add(
        "user", id=1, email="bob@x.example", name="Bob", role="agent", active=True,
        fs_uniquifier="x", language="", timezone="", theme="", created_at=NOON,
    )  # fmt: skip
    add(
        "contact", id=1, kind="person", name="Anna", sort_name="anna", job_title="", address="",
        about="", do_not_call=False, search_text="anna", **record,
    )  # fmt: skip
    add("lead_stage", id=1, name="New", kind="open", position=1)
    add(
        "lead", id=1, title="Enquiry", number="+351912000100", stage_id=1, currency="EUR",
        source="", about="", lost_reason="", search_text="enquiry", **record,
    )  # fmt: skip
    add("call_list", id=1, name="Autumn", of="leads", filter_args="", created_by_id=1,
        created_at=NOON)  # fmt: skip
    entry(id=7, contact_id=1)
    db.session.commit()


def entry(**values: int) -> None:
    row = {"list_id": 1, "position": 1, "state": "held", "outcome": "", "note": "Likes it"}
    add("call_list_entry", **row, **values)


def test_entries_stay_and_those_of_numbers_go_with_the_way_back(
    new_house: MakeApp,  # noqa: F811
) -> None:
    with new_house().app_context():
        upgrade(revision=BEFORE)
        fill()
        upgrade()
        kept = db.session.get_one(CallListEntry, 7)
        assert (kept.name, kept.note) == ("Anna", "Likes it")
        entry(id=8, lead_id=1, holder_id=1)
        db.session.commit()
        assert db.session.get_one(CallListEntry, 8).name == "Enquiry"
        with pytest.raises(IntegrityError, match="has_client"):
            entry(id=9)
        db.session.remove()
        downgrade(revision=BEFORE)
        ids = db.session.scalars(text("SELECT id FROM call_list_entry")).all()
        assert ids == [7]
        db.session.remove()
        (column,) = (
            one
            for one in inspect(db.engine).get_columns("call_list_entry")
            if one["name"] == "contact_id"
        )
        assert column["nullable"] is False
        upgrade()
