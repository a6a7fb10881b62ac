"""The table of sessions: who is signed in, in which browser, and until when.

Nothing here commits, except what is written at once or not at all (`at_once`).
"""

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import ColumnElement, ScalarSelect, and_, delete, or_, select, update

from crm_app import clock, database
from crm_app.accounts.models import BrowserSession, OfficeSettings, User
from crm_app.extensions import db

IDLE = timedelta(hours=12)
REMEMBERED_IDLE = timedelta(days=30)
LONGEST = timedelta(days=90)
SEEN_EVERY = timedelta(minutes=1)
# Two tabs opened at once send the same remember token, and the second finds it renewed.
TABS_AT_ONCE = timedelta(minutes=1)
KEEPS_ENDED_FOR = timedelta(days=30)
TOKEN_BYTES = 32


class End(StrEnum):
    """Why a session has ended."""

    SIGNED_OUT = "signed_out"
    FROM_LIST = "from_list"
    ACCOUNT = "account"
    BY_ADMIN = "by_admin"
    STOLEN = "stolen"
    EXPIRED = "expired"
    NEW_KEY = "new_key"


@dataclass(frozen=True, slots=True)
class Device:
    """What is stored about a browser: its name, its system and its network."""

    browser: str = ""
    system: str = ""
    address: str = ""


@dataclass(frozen=True, slots=True)
class Held:
    """A copy of a session for one request; it does not follow changes of the row.

    `factor_policy` is read with it, so that checking it costs no query.
    """

    id: int
    token: str
    begun_at: datetime
    seen_at: datetime
    proved_at: datetime
    is_remembered: bool
    factor_policy: str = ""


@dataclass(frozen=True, slots=True)
class Recalled:
    """The result of a browser's remember token: a session, or a detected theft.

    `renewed` is the token that replaces it; None when the browser already has that.
    """

    user: User
    session: Held
    renewed: str | None = None
    is_stolen: bool = False


def begin(user: User, device: Device, *, is_remembered: bool) -> tuple[Held, str | None]:
    """Begin a session; also returns the remember token for a browser that stays signed in."""
    token, secret = _new_secret(), _new_secret()
    row = BrowserSession(
        token_hash=_hash(token),
        user_id=user.id,
        user_key=user.fs_uniquifier,
        browser=device.browser,
        system=device.system,
        address=device.address,
        is_remembered=is_remembered,
        remember_hash=_hash(secret) if is_remembered else None,
    )
    db.session.add(row)
    db.session.flush()
    return _held(row, token), f"{token}.{secret}" if is_remembered else None


def find(token: str) -> tuple[User, Held] | None:
    """Find the user and session of a token in one query; None when it has ended."""
    found = db.session.execute(
        select(
            User,
            BrowserSession.id,
            BrowserSession.begun_at,
            BrowserSession.seen_at,
            BrowserSession.proved_at,
            BrowserSession.is_remembered,
            _factor_policy(),
        )
        .join(User, BrowserSession.user_id == User.id)
        .where(BrowserSession.token_hash == _hash(token), _is_alive(clock.now()))
    ).one_or_none()
    if found is None:
        return None
    user, number, begun_at, seen_at, proved_at, is_remembered, policy = found
    return user, Held(number, token, begun_at, seen_at, proved_at, is_remembered, policy or "")


def recall(text: str) -> Recalled | None:
    """Find the session of a remember token, and renew the token.

    A token that was renewed long ago has been copied: the caller ends that session. If the database
    is busy, the token is renewed at its next use instead.
    """
    token, _, secret = text.partition(".")
    found = db.session.execute(
        select(BrowserSession, User, _factor_policy())
        .join(User, BrowserSession.user_id == User.id)
        .where(BrowserSession.token_hash == _hash(token), _is_alive(clock.now()))
        .execution_options(populate_existing=True)
    ).one_or_none()
    if found is None or not found[0].is_remembered:
        return None
    row, user, policy = found
    hashed, held = _hash(secret), replace(_held(row, token), factor_policy=policy or "")
    if hmac.compare_digest(hashed, row.remember_hash or ""):
        return Recalled(user, held, renewed=_renew(row.id, hashed, token))
    was_just_now = row.rotated_at is not None and row.rotated_at > clock.now() - TABS_AT_ONCE
    is_last = hmac.compare_digest(hashed, row.last_remember_hash or "")
    return Recalled(user, held, is_stolen=not (is_last and was_just_now))


def note_seen(session: Held) -> None:
    """Record that a session is in use, at most once a minute and only if the database is free."""
    now = clock.now()
    if session.seen_at > now - SEEN_EVERY:
        return
    try:
        with database.at_once(db.engine) as connection:
            connection.execute(
                update(BrowserSession)
                .where(
                    BrowserSession.id == session.id,
                    BrowserSession.seen_at <= now - SEEN_EVERY,
                )
                .values(seen_at=now)
            )
    except database.DatabaseBusyError:
        return


def note_proof(session: Held) -> None:
    """Record that the user of a session has just proved who they are."""
    _change(BrowserSession.id == session.id, proved_at=clock.now())


def end(session_id: int, user: User, reason: End) -> bool:
    """End one session of a user; False when it is not theirs or already ended."""
    ended = _change(
        BrowserSession.id == session_id,
        BrowserSession.user_id == user.id,
        BrowserSession.ended_at.is_(None),
        ended_at=clock.now(),
        end_reason=reason,
    )
    return bool(ended)


def end_all(user: User, reason: End, *, but: Held | None = None) -> int:
    """End all sessions of a user, except one if given; returns how many."""
    return _change(
        BrowserSession.user_id == user.id,
        BrowserSession.ended_at.is_(None),
        BrowserSession.id != (but.id if but else 0),
        ended_at=clock.now(),
        end_reason=reason,
    )


def end_everybodys() -> int:
    """End all sessions of the office, because its secret key was rotated; returns how many."""
    return _change(BrowserSession.ended_at.is_(None), ended_at=clock.now(), end_reason=End.NEW_KEY)


def end_old() -> set[int]:
    """End the sessions that were idle or open for too long; returns whose they were."""
    now = clock.now()
    ended = db.session.scalars(
        update(BrowserSession)
        .where(BrowserSession.ended_at.is_(None), ~_is_within_limits(now))
        .values(ended_at=now, end_reason=End.EXPIRED)
        .returning(BrowserSession.user_id)
        .execution_options(synchronize_session=False)
    )
    return set(ended)


def forget_ended() -> None:
    """Delete sessions that ended long ago."""
    db.session.execute(
        delete(BrowserSession).where(BrowserSession.ended_at < clock.now() - KEEPS_ENDED_FOR)
    )


def of(user: User) -> Sequence[BrowserSession]:
    """List where a user is signed in, the last used first."""
    return db.session.scalars(
        select(BrowserSession)
        .join(User, BrowserSession.user_id == User.id)
        .where(User.id == user.id, _is_alive(clock.now()))
        .order_by(BrowserSession.seen_at.desc(), BrowserSession.id.desc())
    ).all()


def _renew(session_id: int, old_hash: str, token: str) -> str | None:
    secret, now = _new_secret(), clock.now()
    renewed = (
        update(BrowserSession)
        .where(BrowserSession.id == session_id, BrowserSession.remember_hash == old_hash)
        .values(remember_hash=_hash(secret), last_remember_hash=old_hash, rotated_at=now)
    )
    try:
        with database.at_once(db.engine) as connection:
            is_first = bool(connection.execute(renewed).rowcount)
    except database.DatabaseBusyError:
        return None
    return f"{token}.{secret}" if is_first else None


def _change(*which: ColumnElement[bool], **values: object) -> int:
    changed = db.session.execute(
        update(BrowserSession)
        .where(*which)
        .values(**values)
        .execution_options(synchronize_session=False)
    )
    return int(changed.rowcount)  # type: ignore[attr-defined]


def _is_alive(now: datetime) -> ColumnElement[bool]:
    return and_(
        BrowserSession.user_key == User.fs_uniquifier,
        BrowserSession.ended_at.is_(None),
        User.active,
        _is_within_limits(now),
    )


def _is_within_limits(now: datetime) -> ColumnElement[bool]:
    return and_(
        BrowserSession.begun_at > now - LONGEST,
        or_(
            BrowserSession.seen_at > now - IDLE,
            and_(BrowserSession.is_remembered, BrowserSession.seen_at > now - REMEMBERED_IDLE),
        ),
    )


def _factor_policy() -> ScalarSelect[str]:
    return select(OfficeSettings.second_factor_for).limit(1).scalar_subquery()


def _held(row: BrowserSession, token: str) -> Held:
    return Held(row.id, token, row.begun_at, row.seen_at, row.proved_at, row.is_remembered)


def _new_secret() -> str:
    return secrets.token_urlsafe(TOKEN_BYTES)


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
