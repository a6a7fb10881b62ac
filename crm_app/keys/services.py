"""The check at the start, and the encryption of everything with the newest key."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sqlalchemy import Column, Table, exists, func, select, update
from sqlalchemy.exc import IntegrityError

from crm_app import database
from crm_app.encryption import KeyRing, Vault, WrongKeyError
from crm_app.errors import RamalError
from crm_app.extensions import db
from crm_app.keys.models import KeyState
from crm_app.security import events
from crm_app.security.events import Kind

# A user's column, which belongs to a feature above this one.
FORMER_HASH = "has_former_hash"


class OtherKeyError(RamalError):
    """The database was made with another key; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Exchanged:
    """What was encrypted with the newest key, or forgotten: how many values of which columns."""

    counts: Counter[str]

    def __str__(self) -> str:
        """List the columns that held any."""
        listed = ", ".join(f"{count} in {name}" for name, count in self.counts.items())
        return listed or "nothing"


def check(ring: KeyRing, *, is_new_key: bool = False) -> bool:
    """Compare the keys with those that the database was made with, and note the first one. Commits.

    Gives True when the database belongs to an older key of ours, and all is to be encrypted with
    the newest. `is_new_key` says that the key was made a moment ago. Raises OtherKeyError.
    """
    state = KeyState.find()
    if state is None:
        state = _note_first(ring, is_new_key=is_new_key)
    key_id = state.key_id
    db.session.commit()
    if key_id not in ring.ids:
        raise _other_key(f" (its id is {key_id}, ours is {ring.id})")
    return key_id != ring.id


def encrypt_with_newest(ring: KeyRing) -> Exchanged:
    """Encrypt every secret of the database with the newest key, all or nothing. Commits.

    Raises WrongKeyError when one of them cannot be read.
    """
    vault = Vault(ring)
    counts: Counter[str] = Counter()
    for table, column in encrypted_columns():
        for row_id, text in _rows(table, column):
            if not vault.is_current(text):
                _store(table, column, row_id, vault.encrypt(vault.decrypt(text)))
                counts.update([f"{table.name}.{column.name}"])
    events.done(Kind.SECRET_KEY_ROTATED)
    _belong_to(ring)
    return Exchanged(counts)


def adopt(ring: KeyRing) -> tuple[Exchanged, int]:
    """Make the newest key the database's own, when the old one is lost. Commits.

    Gives what could not be read any more and is forgotten, and how many people need a new
    password, because a release before 0.3.0 hashed theirs together with the lost key.
    """
    user = db.metadata.tables["user"]
    former = select(func.count()).where(user.c[FORMER_HASH])
    locked_out = 0 if KeyState.find() else db.session.scalar(former) or 0
    vault = Vault(ring)
    counts: Counter[str] = Counter()
    for table, column in encrypted_columns():
        for row_id, text in _rows(table, column):
            try:
                _store(table, column, row_id, vault.encrypt(vault.decrypt(text)))
            except WrongKeyError:
                _store(table, column, row_id, None if column.nullable else "")
                counts.update([f"{table.name}.{column.name}"])
    events.done(Kind.SECRET_KEY_ROTATED, detail="adopted")
    _belong_to(ring)
    return Exchanged(counts), locked_out


def former_peppers(ring: KeyRing) -> list[str]:
    """List what a password's hash of release 0.2.0 or older may have been made with.

    Reads on a connection of its own, so that no transaction stays open while they are tried.
    """
    with database.reading(), db.engine.connect() as connection:
        kept = connection.scalar(select(KeyState.former_peppers_json))
    # Before the first start of this release nothing is kept, and the key is still the old one.
    known = json.loads(kept) if kept else [former_pepper(ring.secret_keys[0])]
    return list(dict.fromkeys(known + [former_pepper(key) for key in ring.secret_keys[1:]]))


def forget_peppers() -> None:
    """Forget what former hashes were made with, once there are none; the caller commits."""
    if not _has_former_hashes():
        db.session.execute(update(KeyState).values(former_peppers_json="[]"))


def former_pepper(secret_key: str) -> str:
    """Return the text that release 0.2.0 hashed passwords with when this was its key."""
    return hashlib.sha256(f"{secret_key} salt".encode()).hexdigest()


def encrypted_columns() -> Iterator[tuple[Table, Column[str]]]:
    """List the columns that are marked as `encryption.ENCRYPTED`."""
    for table in db.metadata.sorted_tables:
        for column in table.columns:
            if column.info.get("encrypted"):
                yield table, column


def _note_first(ring: KeyRing, *, is_new_key: bool) -> KeyState:
    """Note the key of a new database, or of one that an older release made."""
    has_hashes = _has_former_hashes()
    if is_new_key and has_hashes:
        raise _other_key("")
    vault = Vault(ring)
    try:
        for table, column in encrypted_columns():
            for _row_id, text in _rows(table, column):
                vault.decrypt(text)
    except WrongKeyError as error:
        raise _other_key("") from error
    peppers = [former_pepper(key) for key in ring.secret_keys] if has_hashes else []
    state = KeyState(id=1, key_id=ring.id, former_peppers_json="[]")
    state.keep_peppers(peppers)
    try:
        with db.session.begin_nested():
            db.session.add(state)
    except IntegrityError:
        # Another process was quicker.
        state = db.session.get_one(KeyState, 1)
    return state


def _belong_to(ring: KeyRing) -> None:
    state = KeyState.find()
    if state is None:
        state = KeyState(id=1, former_peppers_json="[]")
        db.session.add(state)
    state.key_id = ring.id
    if _has_former_hashes():
        state.keep_peppers([former_pepper(key) for key in ring.secret_keys[1:]])
    db.session.commit()


def _rows(table: Table, column: Column[str]) -> Iterable[tuple[int, str]]:
    rows = db.session.execute(
        select(table.c.id, column).where(column.is_not(None), column != "").with_for_update()
    )
    return [(row_id, text) for row_id, text in rows]


def _store(table: Table, column: Column[str], row_id: int, text: str | None) -> None:
    db.session.execute(update(table).where(table.c.id == row_id).values({column.name: text}))


def _has_former_hashes() -> bool:
    user = db.metadata.tables["user"]
    return bool(db.session.scalar(select(exists().where(user.c[FORMER_HASH]))))


def _other_key(which: str) -> OtherKeyError:
    return OtherKeyError(
        f"SECRET_KEY: this database was made with another key{which}. Put its key back (the file "
        "secret_key of its data folder), or name it in SECRET_KEY_FALLBACKS; if it is lost, run "
        "`flask secret-key adopt`."
    )
