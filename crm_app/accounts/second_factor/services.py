"""What is done to second factors: set up, checked, removed; the caller commits."""

import base64
import hashlib
import secrets
from collections.abc import Sequence

from passlib.exc import TokenError
from passlib.totp import TOTP
from sqlalchemy import delete, func, select, update

from crm_app import clock
from crm_app.accounts import notices, services
from crm_app.accounts.models import OfficeSettings, User
from crm_app.accounts.second_factor.models import AuthenticatorApp, Passkey, RecoveryCode
from crm_app.encryption import Vault
from crm_app.errors import InvalidInputError
from crm_app.extensions import db
from crm_app.security import events
from crm_app.security.events import Kind

RECOVERY_CODES = 10
RECOVERY_BYTES = 10
# The code before and the code after, for clocks that are a little wrong (RFC 6238 §5.2).
DRIFT_SECONDS = 30
APP, PASSKEY, RECOVERY = "authenticator", "passkey", "recovery code"


def app_of(user: User) -> AuthenticatorApp | None:
    """Return the row of a user's authenticator app, confirmed or not."""
    return db.session.scalar(select(AuthenticatorApp).where(AuthenticatorApp.user_id == user.id))


def has_app(user: User) -> bool:
    """Whether a user's authenticator app is set up."""
    row = app_of(user)
    return row is not None and bool(row.secret_encrypted)


def passkeys_of(user: User) -> Sequence[Passkey]:
    """List a user's passkeys, the oldest first."""
    return db.session.scalars(
        select(Passkey).where(Passkey.user_id == user.id).order_by(Passkey.id)
    ).all()


def begin_app(user: User, vault: Vault) -> None:
    """Make a key for an authenticator app; it takes effect with the first right code."""
    row = app_of(user)
    if row is None:
        row = AuthenticatorApp(user_id=user.id)
        db.session.add(row)
    row.pending_encrypted = vault.encrypt(TOTP.new().base32_key)
    db.session.flush()


def key_to_show(user: User, vault: Vault) -> TOTP | None:
    """Return the key that waits for its first code; None when none does."""
    row = app_of(user)
    if row is None or not row.pending_encrypted:
        return None
    return TOTP(key=vault.decrypt(row.pending_encrypted), format="base32")


def confirm_app(user: User, vault: Vault, code: str) -> list[str]:
    """Confirm the shown key by a code; returns new recovery codes if there were none.

    Raises InvalidInputError on `code`: code_wrong.
    """
    row, key = app_of(user), key_to_show(user, vault)
    counter = _counter_of(key, code, 0) if key else None
    if row is None or counter is None:
        raise InvalidInputError("code_wrong", "code")
    row.secret_encrypted, row.pending_encrypted = row.pending_encrypted, ""
    row.last_counter, row.added_at, row.used_at = counter, clock.now(), None
    return added(user, APP)


def check_code(user: User, vault: Vault, code: str) -> bool:
    """Whether a code of the authenticator app is right, and use it up."""
    row = app_of(user)
    if row is None or not row.secret_encrypted:
        return False
    key = TOTP(key=vault.decrypt(row.secret_encrypted), format="base32")
    counter = _counter_of(key, code, row.last_counter)
    if counter is None:
        return False
    # Of two requests with the same code, only one may succeed.
    used = db.session.execute(
        update(AuthenticatorApp)
        .where(AuthenticatorApp.id == row.id, AuthenticatorApp.last_counter < counter)
        .values(last_counter=counter, used_at=clock.now())
    )
    return bool(used.rowcount)  # type: ignore[attr-defined]


def remove_app(user: User) -> None:
    """Remove the authenticator app. Raises InvalidInputError: factor_needed."""
    if not has_app(user):
        return
    _refuse_last(user)
    db.session.execute(delete(AuthenticatorApp).where(AuthenticatorApp.user_id == user.id))
    _removed(user, APP)


def remove_passkey(user: User, passkey_id: int) -> None:
    """Remove one passkey of a user, if it is theirs. Raises InvalidInputError: factor_needed."""
    theirs = (Passkey.id == passkey_id, Passkey.user_id == user.id)
    if db.session.scalar(select(Passkey.id).where(*theirs)) is None:
        return
    _refuse_last(user)
    db.session.execute(delete(Passkey).where(*theirs))
    _removed(user, PASSKEY)


def new_recovery_codes(user: User) -> list[str]:
    """Make ten recovery codes; the older ones end."""
    db.session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user.id))
    codes = [_new_code() for _ in range(RECOVERY_CODES)]
    db.session.add_all(RecoveryCode(user_id=user.id, code_hash=_hash(code)) for code in codes)
    db.session.flush()
    return codes


def recovery_codes_left(user: User) -> int:
    """Count the recovery codes that still work."""
    unused = select(func.count()).where(
        RecoveryCode.user_id == user.id, RecoveryCode.used_at.is_(None)
    )
    return db.session.scalar(unused) or 0


def use_recovery_code(user: User, code: str) -> bool:
    """Whether a recovery code is right, and use it up."""
    used = db.session.execute(
        update(RecoveryCode)
        .where(
            RecoveryCode.user_id == user.id,
            RecoveryCode.code_hash == _hash(code),
            RecoveryCode.used_at.is_(None),
        )
        .values(used_at=clock.now())
    )
    is_right = bool(used.rowcount)  # type: ignore[attr-defined]
    if is_right:
        events.done(Kind.RECOVERY_CODE_USED, by=user.id, about=user.id)
    return is_right


def reset(user: User, by: User | None) -> None:
    """Remove every second factor and recovery code of a user, and end their sessions.

    `by` is None for an operator's command. Raises InvalidInputError: own_factor.
    """
    if by is not None and by.id == user.id:
        raise InvalidInputError("own_factor")
    for table in (AuthenticatorApp, Passkey, RecoveryCode):
        db.session.execute(delete(table).where(table.user_id == user.id))
    user.has_second_factor = False
    services.end_sessions(user)
    notices.record(user, "factor_reset", by)
    events.done(Kind.SECOND_FACTOR_RESET, by=by.id if by else None, about=user.id)


def added(user: User, what: str) -> list[str]:
    """Record that a factor was added; returns new recovery codes if there were none."""
    user.has_second_factor = True
    notices.record(user, "factor_added", user)
    events.done(Kind.SECOND_FACTOR_ADDED, by=user.id, about=user.id, detail=what)
    return [] if recovery_codes_left(user) else new_recovery_codes(user)


def _removed(user: User, what: str) -> None:
    if _factors(user) == 0:
        user.has_second_factor = False
        db.session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user.id))
    notices.record(user, "factor_removed", user)
    events.done(Kind.SECOND_FACTOR_REMOVED, by=user.id, about=user.id, detail=what)


def _refuse_last(user: User) -> None:
    # Locked, so that of two removals in one moment the second sees the first.
    db.session.execute(select(User.id).where(User.id == user.id).with_for_update())
    policy = OfficeSettings.current().second_factor_for
    if user.must_have_factor(policy) and _factors(user) <= 1:
        raise InvalidInputError("factor_needed")


def _factors(user: User) -> int:
    passkeys = db.session.scalar(select(func.count()).where(Passkey.user_id == user.id)) or 0
    return passkeys + has_app(user)


def _counter_of(key: TOTP, code: str, last_counter: int) -> int | None:
    try:
        match = key.match(
            "".join(code.split()),
            time=clock.now(),
            window=DRIFT_SECONDS,
            last_counter=last_counter or None,
        )
    except (TokenError, ValueError):
        return None
    return int(match.counter)


def _new_code() -> str:
    text = base64.b32encode(secrets.token_bytes(RECOVERY_BYTES)).decode().lower()
    return "-".join(text[start : start + 4] for start in range(0, len(text), 4))


def _hash(code: str) -> str:
    # Codes are read from paper: base32 has no 0 and 8, so O and B are meant.
    plain = "".join(filter(str.isalnum, code)).lower().translate(str.maketrans("08", "ob"))
    return hashlib.sha256(plain.encode()).hexdigest()
