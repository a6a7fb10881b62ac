"""Connecting the office with its PBX: keys, token, extensions, switches. No verb here commits."""

import contextlib
import json
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import delete, select

from crm_app import clock
from crm_app.accounts.models import User
from crm_app.accounts.services import set_extension
from crm_app.callbacks.contact_changes import switched_on as call_backs_switched_on
from crm_app.database import add_missing
from crm_app.encryption import Vault, WrongKeyError
from crm_app.errors import InvalidInputError
from crm_app.extensions import db
from crm_app.journal import services as journal
from crm_app.journal.kinds import ONLY, RecordKind
from crm_app.journal.values import Changes, FieldChange, difference, snapshot
from crm_app.security import events
from crm_app.security.events import Kind
from crm_app.telephony.models import (
    DailyBalance,
    DirectNumber,
    LampState,
    PhoneState,
    TelephonySettings,
)
from crm_app.telephony.switches import Switches
from crm_app.telephony.zadarma.client import ZadarmaClient
from crm_app.telephony.zadarma.errors import ErrorCode, ZadarmaError
from crm_app.telephony.zadarma.replies import AccountClock, Balance
from crm_app.telephony.zadarma.replies import DirectNumber as DirectNumberReply

# Of the journal; there is one row of settings. Any other answer means that the API accepted the
# signature, or could not be asked.
REFUSALS = frozenset({ErrorCode.NOT_AUTHORISED})
# Between the account's clock and ours.
CLOCKS_AGREE_WITHIN_SECONDS = 300
BALANCES_KEPT_FOR = timedelta(days=100)
# Of the lamp that counts how often the API has failed since it last answered.
API_LAMP = "api"


@dataclass(frozen=True, slots=True)
class Probe:
    """The API's answers about the account; `error` is why some are missing."""

    balance: Balance | None = None
    clock: AccountClock | None = None
    extensions: tuple[str, ...] | None = None
    numbers: tuple[DirectNumberReply, ...] | None = None
    error: ErrorCode | None = None
    retry_after: int | None = None

    @property
    def is_test(self) -> bool:
        """Whether the answers show that the keys are right or wrong."""
        return self.balance is not None or self.error is not None

    @property
    def may_be_kept(self) -> bool:
        """Whether the keys may be stored: the API has not refused them."""
        return self.error not in REFUSALS


def probe(client: ZadarmaClient) -> Probe:
    """Ask for balance, clock, extensions and numbers: the test of the keys.

    Never inside a transaction. An account that does not list its numbers is connected anyway.
    """
    balance = account_clock = extensions = numbers = None
    try:
        balance = client.balance()
        account_clock = client.timezone()
        extensions = client.extensions().numbers
    except ZadarmaError as error:
        return Probe(
            balance, account_clock, extensions, error=error.code, retry_after=error.retry_after
        )
    with contextlib.suppress(ZadarmaError):
        numbers = client.direct_numbers()
    return Probe(balance, account_clock, extensions, numbers)


def typed_keys(key: str, secret: str, vault: Vault) -> tuple[str, str]:
    """Complete the pair that was typed with the stored one where a field was left empty.

    Raises InvalidInputError (key_missing, secret_missing, key_impossible) on `key` or `secret`;
    WrongKeyError when the stored half cannot be read.
    """
    settings = TelephonySettings.current()
    old = settings.keys(vault) if settings.is_connected and not (key and secret) else ("", "")
    pair = key.strip() or old[0], secret.strip() or old[1]
    for value, field in zip(pair, ("key", "secret"), strict=True):
        if not value:
            raise InvalidInputError(f"{field}_missing", field)
        if not value.isascii() or not value.isalnum():
            raise InvalidInputError("key_impossible", field)
    return pair


def save_keys(key: str, secret: str, vault: Vault, by: User | None = None) -> None:
    """Store new keys, encrypted; an empty one leaves what is stored.

    Raises InvalidInputError and WrongKeyError as `typed_keys` does.
    """
    key, secret = typed_keys(key, secret, vault)
    settings = TelephonySettings.for_change()
    if settings.is_connected and not _is_key_of(settings, key, vault):
        _forget_account(settings)
    settings.encrypt_keys(key, secret, vault)
    settings.connected_at = settings.connected_at or clock.now()
    settings.tested_at, settings.last_error = None, ""
    _write_down(Kind.KEYS_STORED, by)


def _is_key_of(settings: TelephonySettings, key: str, vault: Vault) -> bool:
    try:
        return settings.keys(vault)[0] == key
    except WrongKeyError:
        return False


def keep(found: Probe) -> None:
    """Store the API's answers, and why some are missing."""
    settings = TelephonySettings.for_change()
    now = clock.now()
    if found.balance is not None:
        settings.balance_cents = found.balance.amount_minor
        settings.balance_currency = found.balance.currency[:8]
        settings.balance_at = now
        _note_balance(found.balance)
    if found.clock is not None:
        settings.note_clock(found.clock.offset_seconds, found.clock.zone)
        drift = round(found.clock.unix_time - now.timestamp())
        LampState.put("clock", "ok" if abs(drift) <= CLOCKS_AGREE_WITHIN_SECONDS else "warn")
    if found.extensions is not None:
        settings.extensions_json = json.dumps(sorted(set(found.extensions), key=_by_number))
        settings.extensions_at = now
    if found.numbers is not None:
        keep_numbers(found.numbers)
    if found.is_test:
        settings.tested_at = now
        settings.last_error = found.error.value if found.error else ""
        _count_failure(settings.last_error)


def note_answer(error: str) -> None:
    """Note whether the API answers, by what the worker asks it often; "" when it does."""
    if TelephonySettings.current().last_error != error:
        settings = TelephonySettings.for_change()
        settings.last_error, settings.tested_at = error, clock.now()
    _count_failure(error)


def note_success() -> None:
    """Note that a request to the API succeeded: it is not the whole of it that fails."""
    _count_failure("")


def _count_failure(error: str) -> None:
    """Count failures in a row; the lamp is bad since the first of them."""
    lamp = db.session.get(LampState, API_LAMP)
    is_bad = lamp is not None and lamp.state == "bad"
    if error:
        before = lamp.details.get("failures", 0) if lamp is not None and is_bad else 0
        LampState.put(API_LAMP, "bad", failures=before + 1)
    elif is_bad:
        LampState.put(API_LAMP, "ok")


def keep_numbers(numbers: Iterable[DirectNumberReply]) -> None:
    """Store the account's numbers in place of those that were known before."""
    db.session.execute(delete(DirectNumber))
    now = clock.now()
    rows = {
        one.number: DirectNumber(
            number=one.number,
            name=one.name[:120],
            status=one.status[:40],
            stops_at=one.stops_at[:20],
            renews_itself=one.renews_itself,
            seen_at=now,
        )
        for one in numbers
        if len(one.number) <= 20
    }
    db.session.add_all(rows.values())
    db.session.flush()


def _note_balance(balance: Balance) -> None:
    day = clock.today()
    add_missing(db.session, DailyBalance, day=day, cents=0, currency="")
    today = db.session.get_one(DailyBalance, day, with_for_update=True)
    today.cents, today.currency = balance.amount_minor, balance.currency[:8]
    db.session.execute(delete(DailyBalance).where(DailyBalance.day < day - BALANCES_KEPT_FOR))


def disconnect(by: User | None = None) -> None:
    """Forget the keys: nothing is accepted from the PBX or asked of it any more."""
    settings = TelephonySettings.for_change()
    settings.key_encrypted = settings.secret_encrypted = ""
    settings.connected_at = None
    _forget_account(settings)
    _write_down(Kind.DISCONNECTED, by)


def renew_token(by: User | None = None) -> str:
    """Make a new secret token for the webhook address; the old address stops working."""
    token = secrets.token_urlsafe(24)
    TelephonySettings.for_change().webhook_token = token
    _write_down(Kind.TOKEN_MADE, by)
    return token


def drop_token(by: User | None = None) -> None:
    """Remove the token from the webhook address."""
    TelephonySettings.for_change().webhook_token = ""
    _write_down(Kind.TOKEN_REMOVED, by)


def note_registered(by: User | None = None) -> None:
    """Write down that somebody has let the PBX post to this server."""
    _write_down(Kind.WEBHOOK_REGISTERED, by)


def set_default_responsible(user_id: int | None, by: User | None = None) -> None:
    """Choose who gets unassigned call-backs.

    Raises InvalidInputError (responsible_missing, responsible_unknown).
    """
    if user_id is None:
        raise InvalidInputError("responsible_missing", "default_responsible")
    user = db.session.get(User, user_id)
    if user is None or not user.active:
        raise InvalidInputError("responsible_unknown", "default_responsible")
    settings = TelephonySettings.for_change()
    changes = _change(settings, "default_responsible_id", user.id)
    if changes:
        _write_down(Kind.RESPONSIBLE_CHANGED, by, changes, about=user.id)


def set_switches(values: Mapping[str, object], by: User | None = None) -> None:
    """Set switches of the automation; those not named stay as they are.

    Raises InvalidInputError as `Switches.changed` does.
    """
    settings = TelephonySettings.for_change()
    before = snapshot(settings.switches, Switches.model_fields)
    settings.set_switches(settings.switches.changed(values))
    changes = difference(before, snapshot(settings.switches, Switches.model_fields))
    if changes:
        detail = ", ".join(f"{name} {getattr(settings.switches, name)}" for name in changes)
        _write_down(Kind.SWITCHES_CHANGED, by, changes, detail=detail)
    if "call_backs" in changes and settings.switches.is_on("call_backs"):
        call_backs_switched_on()


def assign_extensions(wanted: Mapping[int, str], by: User) -> None:
    """Assign users extensions of the PBX, or none (""): all of them or, on an error, nothing.

    Raises InvalidInputError with field `extension-<user id>`: extension_unknown when the PBX has
    none of that number, extension_taken when another user has or gets it, user_unknown.
    """
    users = {user.id: user for user in db.session.scalars(select(User).order_by(User.id))}
    known = TelephonySettings.current().extensions
    changed = {}
    for user_id, extension in wanted.items():
        if user_id not in users or not users[user_id].active:
            raise InvalidInputError("user_unknown", f"extension-{user_id}")
        if extension != (users[user_id].extension or ""):
            changed[user_id] = extension
            if extension and extension not in known:
                raise InvalidInputError("extension_unknown", f"extension-{user_id}")
    kept = {user.extension for user in users.values() if user.id not in changed} - {None}
    for user_id, extension in changed.items():
        others = {value for other, value in changed.items() if other != user_id}
        if extension and extension in kept | others:
            raise InvalidInputError("extension_taken", f"extension-{user_id}")
    # For two users who swap extensions, both must be cleared first.
    for user_id in changed:
        set_extension(users[user_id], None, by)
    for user_id, extension in changed.items():
        set_extension(users[user_id], extension or None, by)


def _change(settings: TelephonySettings, field: str, value: object) -> dict[str, FieldChange]:
    before = snapshot(settings, (field,))
    setattr(settings, field, value)
    return difference(before, snapshot(settings, (field,)))


def _write_down(
    kind: Kind,
    by: User | None,
    changes: Changes | None = None,
    about: int | None = None,
    detail: str = "",
) -> None:
    """Put a change of the settings into the journal and among the security events.

    Keys and token are secrets: only the fact of a change is recorded, never the values.
    """
    journal.record(RecordKind.TELEPHONY, ONLY, kind, by, changes)
    by_id = by.id if by is not None else None
    events.done(kind, by=by_id, about=about, detail=detail)


def _forget_account(settings: TelephonySettings) -> None:
    settings.extensions_json, settings.extensions_at = "[]", None
    settings.balance_cents, settings.balance_at = None, None
    settings.clock_zone, settings.clock_offset_seconds = "", None
    settings.heard_offset_seconds, settings.heard_offset_from = None, ""
    settings.clock_shifted_at, settings.clock_before_seconds = None, None
    settings.rows_offset_seconds, settings.rows_read_again_at = None, None
    settings.rows_since = clock.now()
    settings.reconciled_at = settings.events_lost_since = settings.call_unheard_at = None
    settings.tested_at, settings.last_error = None, ""
    db.session.execute(delete(DirectNumber))
    db.session.execute(delete(PhoneState))
    db.session.execute(delete(LampState))
    db.session.execute(delete(DailyBalance))


def _by_number(extension: str) -> tuple[int, str]:
    return len(extension), extension
