"""The migrations make exactly the tables that the models describe, and keep what is in them."""

import json
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import Flask
from flask_migrate import downgrade, upgrade
from sqlalchemy import Connection, DateTime, LargeBinary, MetaData, func, inspect, select, text

from crm_app import search_index
from crm_app.calls.models import Call
from crm_app.cli import build
from crm_app.config import Config
from crm_app.contacts import wording as contact_wording
from crm_app.contacts.models import Contact
from crm_app.demo import make_contact
from crm_app.extensions import db
from crm_app.health import migrations
from crm_app.jobs.models import Job
from crm_app.journal.models import JournalEntry
from crm_app.leads import stages
from crm_app.leads.models import Lead, StageKind
from crm_app.records.purge import purge
from crm_app.records.undo import undo
from crm_app.security.kinds import Kind
from crm_app.security.models import SecurityEvent
from crm_app.telephony.models import TelephonySettings
from crm_app.telephony.switches import Switches
from tests.postgres import Postgres

RELEASES = sorted((Path(__file__).parents[1] / "fixtures" / "releases").glob("*.json"))
# Those that kept only words in the journal.
WITHOUT_VALUES = [release for release in RELEASES if release.stem < "0.4.0"]
MakeApp = Callable[[], Flask]


@pytest.fixture
def new_house(
    engine_name: str, tmp_path: Path, bus_url: str, request: pytest.FixtureRequest
) -> Iterator[MakeApp]:
    """Make applications over databases that hold nothing at all."""
    made: list[Flask] = []

    def make() -> Flask:
        folder = tmp_path / str(len(made))
        url = f"sqlite:///{folder}/ramal.db"
        if engine_name == "postgresql":
            server: Postgres = request.getfixturevalue("postgres")
            url = server.new_database()
        app = build(
            Config(
                _env_file=None,  # type: ignore[call-arg]
                data_dir=folder, secret_key="k" * 40, database_url=url, redis_url=bus_url,
                log_level="WARNING",
            )
        )  # fmt: skip
        made.append(app)
        return app

    yield make
    for app in made:
        with app.app_context():
            db.session.remove()
            db.engine.dispose()


def shape(connection: Connection) -> dict[str, Any]:
    """Everything about a schema that matters, search tables and triggers included."""
    if connection.dialect.name == "sqlite":
        rows = connection.execute(
            text("SELECT type, name, sql FROM sqlite_master WHERE tbl_name NOT LIKE 'alembic%'")
        )
        # Models and migrations write columns and constraints in different orders of words.
        return {
            f"{kind} {name}": sorted(sql.replace(",", " ").replace('"', "").split()) if sql else ""
            for kind, name, sql in rows
        }
    indexes = connection.execute(
        text("SELECT indexname, indexdef FROM pg_indexes WHERE tablename NOT LIKE 'alembic%'")
    )
    columns = connection.execute(
        text(
            "SELECT table_name || '.' || column_name, data_type, is_nullable, collation_name,"
            " generation_expression, character_maximum_length FROM information_schema.columns"
            " WHERE table_schema = 'public' AND table_name NOT LIKE 'alembic%'"
        )
    )
    constraints = connection.execute(
        text(
            "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint"
            " WHERE connamespace = 'public'::regnamespace AND conname NOT LIKE 'alembic%'"
        )
    )
    return {row[0]: tuple(row[1:]) for rows in (indexes, columns, constraints) for row in rows}


def test_it_makes_the_very_tables_that_the_models_describe(new_house: MakeApp) -> None:
    migrated, modelled = new_house(), new_house()
    with migrated.app_context():
        upgrade()
        with db.engine.connect() as connection:
            by_migrations = shape(connection)
    with modelled.app_context():
        db.create_all()
        with db.engine.connect() as connection:
            by_models = shape(connection)
    assert by_migrations == by_models
    assert len(by_models) > 60


def test_its_files_are_named_by_their_revisions() -> None:
    scripts = ScriptDirectory(str(migrations.FOLDER))
    chain = [script.revision for script in scripts.walk_revisions()]
    assert tuple(reversed(chain)) == migrations.revisions()


def test_it_leaves_nothing_for_the_next_migration(new_house: MakeApp) -> None:
    with new_house().app_context():
        upgrade()
        with db.engine.connect() as connection:
            context = MigrationContext.configure(connection, opts={"compare_type": True})
            differences = compare_metadata(context, db.metadata)
    left = [entry for entry in differences if "_search" not in str(entry)]
    assert not left


def test_it_goes_down_to_nothing_and_up_again(new_house: MakeApp) -> None:
    with new_house().app_context():
        upgrade()
        downgrade(revision="base")
        with db.engine.connect() as connection:
            assert set(inspect(connection).get_table_names()) <= {"alembic_version"}
        upgrade()
        make_contact("João Silva", phones=("912345678",))
        found = search_index.find_ids(db.session(), Contact, "joao")
        assert len(found) == 1


@pytest.mark.parametrize("release", RELEASES, ids=lambda path: path.stem)
def test_it_keeps_what_an_office_of_an_earlier_release_holds(
    release: Path, new_house: MakeApp
) -> None:
    office = json.loads(release.read_text(encoding="utf-8"))
    with new_house().app_context():
        upgrade(revision=office["revision"])
        with db.engine.begin() as connection:
            fill(connection, office["tables"])
        upgrade()
        with db.engine.connect() as connection:
            assert migrations.state(connection) is migrations.State.CURRENT
            for table in db.metadata.sorted_tables:
                kept = connection.execute(select(func.count()).select_from(table)).scalar_one()
                assert kept >= len(office["tables"].get(table.name, [])), table.name
        for mapper in db.Model.registry.mappers:
            assert db.session.scalars(select(mapper.class_).limit(5)).unique().all() is not None
        word = office["tables"]["contact"][0]["search_text"].split()[0]
        assert search_index.find_ids(db.session(), Contact, word)


def test_it_sorts_the_leads_of_an_office_of_the_first_release(new_house: MakeApp) -> None:
    office = json.loads(RELEASES[0].read_text(encoding="utf-8"))
    with new_house().app_context():
        upgrade(revision="0001")
        with db.engine.begin() as connection:
            fill(connection, office["tables"])
        upgrade()
        leads = db.session.scalars(select(Lead)).all()
        assert leads
        for lead in leads:
            same = Lead(title=lead.title, value_cents=lead.value_cents)
            assert (lead.sort_title, lead.sort_value) == (same.sort_title, same.sort_value or "")
        # What keeps the search of leads up to date is still there.
        leads[0].search_text = "xylophone"
        db.session.commit()
        assert search_index.find_ids(db.session(), Lead, "xylophone") == [leads[0].id]


def test_it_finds_with_plain_marks_what_an_earlier_release_wrote_with_fine_ones(
    new_house: MakeApp,
) -> None:
    office = json.loads(RELEASES[0].read_text(encoding="utf-8"))
    for contact in office["tables"]["contact"]:
        contact["search_text"] = f"sant’ana – {contact['search_text']}"
        contact["sort_name"] = f"sant’ana – {contact['sort_name']}"
    for lead in office["tables"]["lead"]:
        lead["search_text"] = f"d´avila\u00ad {lead['search_text']}"
    with new_house().app_context():
        upgrade(revision="0001")
        with db.engine.begin() as connection:
            fill(connection, office["tables"])
        upgrade()
        for model, typed, kind in ((Contact, "sant’ana -", "contact"), (Lead, "d'avila", "lead")):
            assert len(search_index.find_ids(db.session(), model, typed)) == len(
                office["tables"][kind]
            )
        names = db.session.scalars(select(Contact.sort_name)).all()
        assert all(name.startswith("sant'ana - ") for name in names)


@pytest.mark.parametrize("release", WITHOUT_VALUES, ids=lambda path: path.stem)
def test_it_keeps_the_words_of_what_an_earlier_release_wrote_into_the_journal(
    release: Path, new_house: MakeApp
) -> None:
    office = json.loads(release.read_text(encoding="utf-8"))
    user_id = office["tables"]["user"][0]["id"]
    written: dict[int, tuple[str, str, dict[str, Any]]] = dict(enumerate(CHANGES_OF_LONG_AGO, 5000))
    office["tables"]["journal_entry"] += [
        {
            "id": number,
            "record_type": kind,
            "record_id": 1,
            "action": action,
            "changes": changes,
            "user_id": user_id,
            "at": "2026-01-05T10:00:00+00:00",
        }
        for number, (kind, action, changes) in written.items()
    ]
    with new_house().app_context():
        upgrade(revision=office["revision"])
        with db.engine.begin() as connection:
            fill(connection, office["tables"])
        upgrade()
        entries = {number: db.session.get_one(JournalEntry, number) for number in written}
        for number, (_kind, action, changes) in written.items():
            assert (entries[number].action, entries[number].shown) == (action, changes)
        # What the old entries say is said on pages as before; only what was kept as a value can
        # be undone.
        values = entries[5000].changes
        assert values["job_title"] == {"old": {"value": ""}, "new": {"value": "Director"}}
        assert values["company"] == {"old": {"shown": ""}, "new": {"shown": "Costa & Filhos"}}
        history = contact_wording.HISTORY.of(1)
        assert next(entry.id for entry, _action, _changes in history) == 5000
        db.session.rollback()
        downgrade(revision="0015")
        with db.engine.connect() as connection:
            rows = connection.execute(
                text("SELECT id, changes FROM journal_entry WHERE id >= 5000 ORDER BY id")
            ).all()
        read_back = {row.id: row.changes for row in rows}
        for number, (_kind, _action, changes) in written.items():
            found = read_back[number]
            assert (json.loads(found) if isinstance(found, str) else found) == changes


# As the releases before values were kept wrote them: [old, new], names instead of ids.
CHANGES_OF_LONG_AGO: list[tuple[str, str, dict[str, Any]]] = [
    (
        "contact",
        "changed",
        {
            "name": ["Ana", "Ana Costa"],
            "kind": ["person", "company"],
            "job_title": ["", "Director"],
            "company": ["", "Costa & Filhos"],
            "responsible": ["Bob", ""],
            "do_not_call": [False, True],
            "phones": [[], [["+351912345678", "mobile", True]]],
            "emails": [["ana@example.com"], []],
        },
    ),
    (
        "lead",
        "moved",
        {
            "stage": ["New", "Lost"],
            "value": [None, [123456, "EUR"]],
            "lost_reason": ["", "Price"],
            "closed_at": [None, "2026-01-05T10:00:00+00:00"],
        },
    ),
    ("task", "changed", {"due": ["2026-01-05", None], "assignee": ["Bob", "Carol"]}),
    ("task", "completed", {}),
    ("call", "attached", {"contact": ["Ana", "Rui"]}),
    ("user", "changed", {"role": ["agent", "manager"], "extension": [None, "104"]}),
    ("pipeline", "stage_added", {"stage": [None, ["Extra", "open"]]}),
    ("pipeline", "stages_ordered", {"order": [["New", "Won"], ["Won", "New"]]}),
]


def test_it_keeps_what_was_done_and_what_is_owed_so_that_it_can_be_undone_and_performed(
    new_house: MakeApp,
) -> None:
    office = json.loads(RELEASES[3].read_text(encoding="utf-8"))
    with new_house().app_context():
        upgrade(revision=office["revision"])
        with db.engine.begin() as connection:
            fill(connection, office["tables"])
        upgrade()
        contact = db.session.get_one(Contact, 1)
        assert (contact.name, contact.about) == ("Padaria Central de Ílhavo", "Has moved.")
        changed = select(JournalEntry).where(
            JournalEntry.record_type == "contact",
            JournalEntry.record_id == 1,
            JournalEntry.action == "changed",
        )
        undo(db.session.scalars(changed).one(), None)
        assert (contact.name, contact.about) == ("Padaria Central de Aveiro", "")
        for kept in office["tables"]["job"]:
            job = db.session.get_one(Job, kept["id"])
            assert (job.kind, job.unique_key, job.payload, job.done_at) == (
                *(kept[name] for name in ("kind", "unique_key", "payload")),
                None,
            )


def test_it_keeps_what_follows_a_contact_up_to_date(new_house: MakeApp) -> None:
    office = json.loads(RELEASES[3].read_text(encoding="utf-8"))
    with new_house().app_context():
        upgrade(revision=office["revision"])
        with db.engine.begin() as connection:
            fill(connection, office["tables"])
        upgrade()
        call = db.session.scalars(select(Call).where(Call.contact_id.is_not(None))).first()
        assert call is not None
        contact = db.session.get_one(Contact, call.contact_id)
        word, session = contact.search_text.split()[0], db.session()
        assert contact.id in search_index.find_ids(session, Contact, word)
        contact.search_text, contact.responsible_id = "xylophone", 5
        db.session.commit()
        assert search_index.find_ids(session, Contact, "xylophone") == [contact.id]
        assert contact.id not in search_index.find_ids(session, Contact, word)
        assert call.responsible_id == 5
        purge(contact)
        db.session.commit()
        assert not search_index.find_ids(session, Contact, "xylophone")


class TestBeforeIdsWereCounted:
    """What SQLite may have done until then; the sequences of PostgreSQL never gave an id twice."""

    @pytest.fixture(autouse=True)
    def _on_sqlite(self, engine_name: str) -> None:
        if engine_name != "sqlite":
            pytest.skip("PostgreSQL has always counted")

    def office(self) -> dict[str, list[dict[str, Any]]]:
        """Return an office in which the newest contact and the newest stage are gone."""
        tables: dict[str, list[dict[str, Any]]]
        tables = json.loads(RELEASES[3].read_text(encoding="utf-8"))["tables"]
        return tables

    def test_no_id_comes_back_that_the_journal_still_names(self, new_house: MakeApp) -> None:
        with new_house().app_context():
            upgrade(revision="0024")
            with db.engine.begin() as connection:
                fill(connection, self.office())
            upgrade()
            assert make_contact("Rui").id == 34
            assert stages.add_stage("Next", StageKind.OPEN, None).id == 7
            # One more says that the open task of a missed call has become a call-back.
            assert db.session.scalars(select(func.max(JournalEntry.id))).one() == 62

    def test_what_the_journal_says_of_an_id_that_is_anothers_by_now_is_left_as_words(
        self, new_house: MakeApp
    ) -> None:
        tables = self.office()
        later = {"id": 33, "name": "Rui", "created_at": LATER}
        tables["contact"].append(tables["contact"][-1] | later)
        tables["lead_stage"].append(tables["lead_stage"][-1] | {"id": 6, "name": "Next"})
        with new_house().app_context():
            upgrade(revision="0024")
            with db.engine.begin() as connection:
                fill(connection, tables)
            upgrade()
            changes = {
                (entry.record_id, name): change
                for entry in db.session.scalars(
                    select(JournalEntry)
                    .where(JournalEntry.record_type == "lead", JournalEntry.record_id.in_([3, 4]))
                    .order_by(JournalEntry.id)
                )
                for name, change in entry.changes.items()
            }
        assert changes[4, "contact"] == {
            "old": {"shown": "Bela Pereira"},
            "new": {"value": None, "shown": ""},
        }
        assert changes[3, "stage"] == {
            "old": {"shown": "Visit"},
            "new": {"value": 1, "shown": "New"},
        }

    def test_it_goes_back_to_the_very_tables_that_were_there(self, new_house: MakeApp) -> None:
        with new_house().app_context():
            upgrade(revision=NOT_COUNTED)
            with db.engine.connect() as connection:
                before = shape(connection)
            upgrade(revision=COUNTED)
            downgrade(revision=NOT_COUNTED)
            with db.engine.connect() as connection:
                after = shape(connection)
            upgrade()
        after.pop("table sqlite_sequence")
        assert after == before


(COUNTED,) = (path.name[:4] for path in migrations.FOLDER.glob("versions/*_ids_given_once.py"))
NOT_COUNTED = f"{int(COUNTED) - 1:04}"
LATER = "2099-01-01T10:00:00+00:00"


def fill(connection: Connection, tables: dict[str, list[dict[str, Any]]]) -> None:
    """Put the rows of an earlier release into the tables of that release."""
    metadata = MetaData()
    metadata.reflect(connection)
    if connection.dialect.name == "sqlite":
        connection.execute(text("PRAGMA defer_foreign_keys=ON"))
    for table in metadata.sorted_tables:
        for row in tables.get(table.name, []):
            values = {key: read(table.c[key].type, value) for key, value in row.items()}
            connection.execute(table.insert().values(**values))
        if connection.dialect.name == "postgresql" and table.autoincrement_column is not None:
            # As if its sequence had given the ids.
            sequence = func.pg_get_serial_sequence(f'"{table.name}"', "id")
            last = select(func.max(table.c.id)).scalar_subquery()
            connection.execute(select(func.setval(sequence, last)))


def read(kind: Any, value: Any) -> Any:
    """Turn what JSON can hold into what the column holds."""
    if value is not None and isinstance(kind, DateTime):
        moment = datetime.fromisoformat(value)
        return moment if kind.timezone else moment.replace(tzinfo=None)
    if value is not None and isinstance(kind, LargeBinary):
        return bytes.fromhex(value)
    return value


def test_it_keeps_what_was_switched_on_and_off_and_the_words_of_what_was_done(
    new_house: MakeApp,
) -> None:
    with new_house().app_context():
        upgrade(revision="0015")
        with db.engine.begin() as connection:
            connection.execute(
                text(
                    "INSERT INTO telephony_settings (id, key_locked, secret_locked, webhook_token,"
                    " shows_caller_name, extensions_json, balance_currency, clock_zone, last_error)"
                    " VALUES (1, 'k', 's', 't', false, '[]', '', '', '')"
                )
            )
            connection.execute(
                text(
                    "INSERT INTO security_event (at, last_at, count, kind, address, request_id,"
                    " detail) VALUES ('2026-03-02 09:00', '2026-03-02 09:00', 1, 'tail_made', '',"
                    " '', ''), ('2026-03-02 09:01', '2026-03-02 09:01', 1, 'webhook_refused', '',"
                    " '', 'tail')"
                )
            )
        upgrade()
        stored = TelephonySettings.current()
        assert stored.switches == Switches(caller_name="off")
        assert (stored.key_encrypted, stored.secret_encrypted) == ("k", "s")
        events = db.session.scalars(select(SecurityEvent).order_by(SecurityEvent.id)).all()
        assert [(event.kind, event.detail) for event in events] == [
            (Kind.TOKEN_MADE, ""),
            (Kind.WEBHOOK_REFUSED, "token"),
        ]
