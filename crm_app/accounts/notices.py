"""Notices to a user about changes of their own account, shown until they are read.

The changes are in the journal; the user's row holds the time of the first unread one.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from crm_app.accounts.models import User
from crm_app.extensions import db
from crm_app.journal import services as journal
from crm_app.journal.kinds import RecordKind
from crm_app.journal.models import JournalEntry
from crm_app.journal.values import Changes

# Reported to the owner even if their own account did it: it may have been somebody else.
ALWAYS = frozenset(
    {
        "password_changed",
        "factor_added",
        "factor_removed",
        "factor_reset",
    }
)
BY_OTHERS = frozenset({"reset_link_made", "disabled", "enabled", "signed_out"})
# Of changed personal data, only what affects sign-in or permissions.
FIELDS = ("email", "role")
MOST = 10


def record(user: User, action: str, by: User | None, changes: Changes | None = None) -> None:
    """Write a change of a user into the journal, and notify them if it concerns their access.

    `by` is None for an operator's command. The user must have an id.
    """
    entry = journal.record(RecordKind.USER, user.id, action, by, changes)
    db.session.flush()
    is_own = by is not None and by.id == user.id
    if _matters(action, changes or {}) and (not is_own or action in ALWAYS):
        user.notices_from = user.notices_from or entry.at


def unread(user: User) -> Sequence[JournalEntry]:
    """List the notices a user has not read, the newest first; no query when there are none."""
    if user.notices_from is None:
        return []
    since = _of(user, JournalEntry.at >= user.notices_from)
    return [entry for entry in since if _told(entry, user)]


def latest(user: User) -> Sequence[JournalEntry]:
    """List the latest changes to a user's access, the newest first."""
    return [entry for entry in _of(user) if _matters(entry.action, entry.changes)]


def dismiss(user: User) -> None:
    """Note that a user has read everything."""
    user.notices_from = None


def _told(entry: JournalEntry, user: User) -> bool:
    is_own = entry.user_id == user.id
    return _matters(entry.action, entry.changes) and (not is_own or entry.action in ALWAYS)


def _matters(action: str, changes: Mapping[str, Any]) -> bool:
    if action == "changed":
        return any(field in changes for field in FIELDS)
    return action in ALWAYS or action in BY_OTHERS


def _of(user: User, *conditions: Any) -> Sequence[JournalEntry]:
    wanted = ALWAYS | BY_OTHERS | {"changed"}
    return db.session.scalars(
        select(JournalEntry)
        .options(joinedload(JournalEntry.user))
        .where(
            JournalEntry.record_type == RecordKind.USER,
            JournalEntry.record_id == user.id,
            JournalEntry.action.in_(wanted),
            *conditions,
        )
        .order_by(JournalEntry.id.desc())
        .limit(MOST)
    ).all()
