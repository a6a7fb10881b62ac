"""The office's mail server: stored, changed, forgotten. No verb here commits."""

import re
from dataclasses import dataclass, field

from crm_app import clock, database
from crm_app.accounts.models import OfficeSettings, User
from crm_app.email_addresses import MAX_LENGTH, is_address
from crm_app.encryption import Vault
from crm_app.errors import InvalidInputError
from crm_app.extensions import db
from crm_app.journal import services as journal
from crm_app.journal.kinds import ONLY, RecordKind
from crm_app.journal.values import Changes, Value, difference, snapshot
from crm_app.mail.models import HOST_LENGTH, Encryption, MailServer
from crm_app.security import events
from crm_app.security.events import Kind
from crm_app.text import limited, required

LARGEST_PORT = 65_535
PASSWORD_LENGTH = 500
_HOST = re.compile(r"[\w.:\-]+")
# On this machine nobody listens in.
_HERE = {"localhost", "127.0.0.1", "::1"}
_FIELDS = ("host", "port", "encryption", "user", "sender")
# The password was typed for these: who changes them types it again.
_BOUND = ("host", "port", "encryption", "user")


@dataclass(frozen=True, slots=True)
class Typed:
    """A mail server as it was typed; an empty password leaves the stored one."""

    host: str
    port: int
    encryption: str
    sender: str
    user: str = ""
    password: str = field(default="", repr=False)


def is_set_up() -> bool:
    """Whether there is a mail server to send by."""
    return MailServer.find() is not None


def change(typed: Typed, vault: Vault, by: User) -> None:
    """Store another mail server; the caller commits.

    Raises InvalidInputError on its field: host_missing, host_impossible, port_impossible,
    sender_impossible, password_missing, password_unprotected, too_long.
    """
    read = _read(typed)
    # Two requests may set it up for the first time at once.
    nothing = {"user": "", "password_encrypted": "", "failure": "", "said": "", "failures": 0}
    is_new = not is_set_up()
    database.add_missing(db.session, MailServer, **{"id": 1, **nothing, **read})
    server = db.session.get_one(MailServer, 1, with_for_update=True, populate_existing=True)
    before = {} if is_new else snapshot(server, _FIELDS)
    is_same = all(getattr(server, name) == read[name] for name in _BOUND)
    password = server.password_encrypted if is_same else ""
    if typed.password:
        password = vault.encrypt(typed.password)
    if read["user"]:
        _check_password(read, password)
    else:
        password = ""
    has_new_password = password != server.password_encrypted
    for name, value in read.items():
        setattr(server, name, value)
    server.password_encrypted, server.changed_at = password, clock.now()
    server.tried_at, server.failure, server.said, server.failures = None, "", "", 0
    db.session.flush()
    changes = difference(before, snapshot(server, _FIELDS))
    if changes or has_new_password:
        _write_down(changes, by)


def forget(by: User) -> None:
    """Forget the mail server: nothing is sent any more; the caller commits."""
    stored = db.session.get(MailServer, 1, with_for_update=True)
    if stored is None:
        return
    nothing: Value = {"value": ""}
    changes = difference(snapshot(stored, _FIELDS), dict.fromkeys(_FIELDS, nothing))
    db.session.delete(stored)
    _write_down(changes, by)


def office_name() -> str:
    """Name the sender of what the office sends."""
    return OfficeSettings.current().name or "Ramal"


def _read(typed: Typed) -> dict[str, object]:
    """Clean what was typed and refuse what cannot be."""
    host = required(typed.host, "host_missing", "host", HOST_LENGTH)
    if not _HOST.fullmatch(host):
        raise InvalidInputError("host_impossible", "host")
    if not 1 <= typed.port <= LARGEST_PORT:
        raise InvalidInputError("port_impossible", "port")
    sender = limited(typed.sender, "sender", MAX_LENGTH)
    if not is_address(sender):
        raise InvalidInputError("sender_impossible", "sender")
    if len(typed.password) > PASSWORD_LENGTH:
        raise InvalidInputError("too_long", "password", limit=PASSWORD_LENGTH)
    return {
        "host": host,
        "port": typed.port,
        "encryption": Encryption(typed.encryption),
        "user": limited(typed.user, "user", MAX_LENGTH),
        "sender": sender,
    }


def _write_down(changes: Changes, by: User) -> None:
    """Keep who changed what; of the password only that it was changed."""
    journal.record(RecordKind.OFFICE, ONLY, "mail_changed", by, changes)
    events.done(Kind.OFFICE_CHANGED, by=by.id, detail="mail server")


def _check_password(read: dict[str, object], password: str) -> None:
    if read["encryption"] == Encryption.NONE and read["host"] not in _HERE:
        raise InvalidInputError("password_unprotected", "encryption")
    if not password:
        raise InvalidInputError("password_missing", "password")
