"""Settings of the PBX, its text messages, and its requests that could not be read."""

import json
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Self

from sqlalchemy import (
    JSON,
    CheckConstraint,
    Dialect,
    ForeignKey,
    Index,
    LargeBinary,
    String,
    Text,
    TypeDecorator,
    false,
    select,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from crm_app import clock
from crm_app.accounts.models import User
from crm_app.database import IDS_STAY_UNIQUE, add_missing
from crm_app.encryption import ENCRYPTED, Vault
from crm_app.extensions import Model, db
from crm_app.telephony.switches import Switches


class SwitchesColumn(TypeDecorator[Switches]):
    """The switches as one JSON object."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Switches | None, dialect: Dialect) -> str | None:
        """Write all of them, also those that have their default."""
        return None if value is None else value.model_dump_json()

    def process_result_value(self, value: str | None, dialect: Dialect) -> Switches | None:
        """Read what was stored, by this release or another."""
        return None if value is None else Switches.from_json(value)


class TelephonySettings(Model):
    """How the office is connected to its PBX. There is one row; key and secret are encrypted."""

    __tablename__ = "telephony_settings"
    __table_args__ = (CheckConstraint("id = 1", name="only_one"),)

    id: Mapped[int] = mapped_column(primary_key=True, default=1, autoincrement=False)
    key_encrypted: Mapped[str] = mapped_column(Text, default="", info=ENCRYPTED)
    secret_encrypted: Mapped[str] = mapped_column(Text, default="", info=ENCRYPTED)
    connected_at: Mapped[datetime | None]
    webhook_token: Mapped[str] = mapped_column(String(64), default="")
    # Gets unassigned call-backs: one person, so that nobody assumes a colleague has done it.
    default_responsible_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    switches: Mapped[Switches] = mapped_column(
        SwitchesColumn, default=Switches(), server_default="{}"
    )
    # When each switch that is on was last turned on, as JSON.
    switched_on_json: Mapped[str] = mapped_column(Text, default="{}", server_default="{}")
    extensions_json: Mapped[str] = mapped_column(Text, default="[]")
    extensions_at: Mapped[datetime | None]
    balance_cents: Mapped[int | None]
    balance_currency: Mapped[str] = mapped_column(String(8), default="")
    balance_at: Mapped[datetime | None]
    clock_zone: Mapped[str] = mapped_column(String(40), default="")
    clock_offset_seconds: Mapped[int | None]
    # The same as the calls tell it (`events`, or the `rows` of the statistics), who know better.
    heard_offset_seconds: Mapped[int | None]
    heard_offset_from: Mapped[str] = mapped_column(String(10), default="", server_default="")
    # When the account's clock was last found to show another offset, and which it was before.
    clock_shifted_at: Mapped[datetime | None]
    clock_before_seconds: Mapped[int | None]
    # By which offset the rows of the statistics in the log are read, None while nothing said one;
    # when they were last read again by another; and since when rows are those of this account.
    rows_offset_seconds: Mapped[int | None]
    rows_read_again_at: Mapped[datetime | None]
    rows_since: Mapped[datetime | None]
    # When the log was last compared with the statistics, by night or by hand.
    reconciled_at: Mapped[datetime | None]
    # Since when calls come that no event has announced, so that nothing pops up.
    events_lost_since: Mapped[datetime | None]
    # The end of the last call of which no event came.
    call_unheard_at: Mapped[datetime | None]
    # When the API was last asked with these keys, and what it answered if not what was asked.
    tested_at: Mapped[datetime | None]
    last_error: Mapped[str] = mapped_column(String(40), default="")

    default_responsible: Mapped[User | None] = relationship()

    @classmethod
    def current(cls) -> Self:
        """Return the row; until it is stored, one with the defaults."""
        return db.session.get(cls, 1) or cls(
            id=1,
            key_encrypted="",
            secret_encrypted="",
            webhook_token="",
            switches=Switches(),
            switched_on_json="{}",
            extensions_json="[]",
            balance_currency="",
            clock_zone="",
            heard_offset_from="",
            last_error="",
        )

    @classmethod
    def for_change(cls) -> Self:
        """Return the row for update, made if there is none yet."""
        found = db.session.get(cls, 1, with_for_update=True)
        if found is None:
            found = cls.current()
            db.session.add(found)
        return found

    @property
    def is_connected(self) -> bool:
        """Key and secret are stored."""
        return bool(self.key_encrypted and self.secret_encrypted)

    @property
    def extensions(self) -> list[str]:
        """List the extensions that the PBX had when it was last asked."""
        return [str(number) for number in json.loads(self.extensions_json)]

    def switched_on_at(self, name: str) -> datetime | None:
        """When a switch that is on was turned on: None while it is off.

        One that was never touched is on since the office was connected.
        """
        if not self.switches.is_on(name):
            return None
        stored = json.loads(self.switched_on_json).get(name)
        return datetime.fromisoformat(stored) if stored else self.connected_at

    def set_switches(self, switches: Switches) -> None:
        """Store the switches, and of those that are turned on now, when."""
        stored: dict[str, str] = json.loads(self.switched_on_json)
        for name in Switches.model_fields:
            if switches.is_on(name) and not self.switches.is_on(name):
                stored[name] = clock.now().isoformat()
        self.switches, self.switched_on_json = switches, json.dumps(stored)

    @property
    def pbx_offset_seconds(self) -> int | None:
        """How far the clock of the PBX's times is ahead of UTC; None as long as nothing says."""
        heard = self.heard_offset_seconds
        return self.clock_offset_seconds if heard is None else heard

    @property
    def rows_are_doubted(self) -> bool:
        """Whether rows in the log may have been read by an offset that is not the clock's."""
        offset = self.pbx_offset_seconds
        return offset is not None and offset != self.rows_offset_seconds

    def note_clock(self, seconds: int, zone: str) -> bool:
        """Store what the account says of its clock, and say whether that has shifted."""
        before, stated = self.pbx_offset_seconds, self.clock_offset_seconds
        self.clock_zone, self.clock_offset_seconds = zone[:40], seconds
        if stated is not None and stated != seconds:
            # What was heard before is of the old time.
            self.heard_offset_seconds, self.heard_offset_from = None, ""
        return self.note_shift(before)

    def note_shift(self, before: int | None) -> bool:
        """Note that the clock shows something else than `before`, and say whether it does."""
        if before is None or before == self.pbx_offset_seconds:
            return False
        self.clock_before_seconds, self.clock_shifted_at = before, clock.now()
        return True

    def keys(self, vault: Vault) -> tuple[str, str]:
        """Return key and secret; raises WrongKeyError when they were encrypted with another key."""
        return vault.decrypt(self.key_encrypted), vault.decrypt(self.secret_encrypted)

    def encrypt_keys(self, key: str, secret: str, vault: Vault) -> None:
        """Store key and secret, encrypted."""
        self.key_encrypted, self.secret_encrypted = vault.encrypt(key), vault.encrypt(secret)


class DirectNumber(Model):
    """A number of the account, as the PBX listed it last: in E.164, and never a client's.

    `stops_at` is the PBX's own text (`YYYY-MM-DD HH:MM:SS` of the account's clock), "" if unknown.
    """

    __tablename__ = "direct_number"

    number: Mapped[str] = mapped_column(String(20), primary_key=True)
    name: Mapped[str] = mapped_column(String(120), default="")
    status: Mapped[str] = mapped_column(String(40), default="")
    stops_at: Mapped[str] = mapped_column(String(20), default="")
    renews_itself: Mapped[bool] = mapped_column(default=False)
    seen_at: Mapped[datetime] = mapped_column(default=clock.now)


class PhoneState(Model):
    """Whether a phone was registered on an extension when the PBX was last asked."""

    __tablename__ = "phone_state"

    extension: Mapped[str] = mapped_column(String(5), primary_key=True)
    is_registered: Mapped[bool]
    asked_at: Mapped[datetime]


# The name of the row that holds what managers must hear of.
WARNINGS = "warnings"


class LampState(Model):
    """What was found when the PBX was asked about one part of the connection.

    `code` chooses the sentence where a state has several; `details` complete it. `since` is when
    it came into this state.
    """

    __tablename__ = "lamp_state"

    name: Mapped[str] = mapped_column(String(20), primary_key=True)
    state: Mapped[str] = mapped_column(String(10))
    code: Mapped[str] = mapped_column(String(40), default="")
    details: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    asked_at: Mapped[datetime]
    since: Mapped[datetime]

    @classmethod
    def put(cls, name: str, state: str, code: str = "", **details: Any) -> None:
        """Store what was found now, in the place of what was found before."""
        now = clock.now()
        # Of two that find it for the first time, the second waits.
        new = {"state": "", "code": "", "details": {}, "asked_at": now, "since": now}
        add_missing(db.session, cls, name=name, **new)
        found = db.session.get_one(cls, name, with_for_update=True)
        if (found.state, found.code) != (state, code):
            found.since = now
        found.state, found.code, found.details, found.asked_at = state, code, details, now
        db.session.flush()

    @classmethod
    def all(cls) -> Mapping[str, Self]:
        """Return all of them by name."""
        return {one.name: one for one in db.session.scalars(select(cls))}


class DailyBalance(Model):
    """The last balance of the account that was seen on a day of UTC, in minor units."""

    __tablename__ = "daily_balance"

    day: Mapped[date] = mapped_column(primary_key=True)
    cents: Mapped[int]
    currency: Mapped[str] = mapped_column(String(8), default="")


class BlockedNumber(Model):
    """A number whose calls are refused, or the beginning of many with a star (`+35191*`).

    `by` is None when an operator's command put it on the list; without `expires_at` it stays.
    """

    __tablename__ = "blocked_number"
    __table_args__ = (Index("ix_blocked_number_at", "at", "id"), IDS_STAY_UNIQUE)

    id: Mapped[int] = mapped_column(primary_key=True)
    pattern: Mapped[str] = mapped_column(String(20), unique=True)
    reason: Mapped[str] = mapped_column(String(200), default="")
    by_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    at: Mapped[datetime] = mapped_column(default=clock.now)
    expires_at: Mapped[datetime | None]

    by: Mapped[User | None] = relationship()

    @property
    def is_in_force(self) -> bool:
        """Whether calls from it are refused now."""
        return self.expires_at is None or self.expires_at > clock.now()


class BlockedCall(Model):
    """A call that was refused because of an entry of the black list."""

    __tablename__ = "blocked_call"

    id: Mapped[int] = mapped_column(primary_key=True)
    blocked_id: Mapped[int] = mapped_column(
        ForeignKey("blocked_number.id", ondelete="CASCADE"), index=True
    )
    at: Mapped[datetime]


class TextMessage(Model):
    """A text message that came in to one of our lines, with the notification as it was posted.

    `sender` is a number in E.164, or the name under which a company writes. `digest` is that of
    the notification and its time of arrival.
    """

    __tablename__ = "text_message"
    __table_args__ = (Index("ix_text_message_sender", "sender", "received_at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    received_at: Mapped[datetime]
    sender: Mapped[str] = mapped_column(String(40), default="")
    line: Mapped[str] = mapped_column(String(40), default="")
    text: Mapped[str] = mapped_column(Text, default="")
    raw: Mapped[str] = mapped_column(Text, default="")


class UnreadableRequest(Model):
    """A request to the webhook that could not be understood or stored, kept as it came.

    Genuine ones carry the PBX's signature: they are stored once the code understands them.
    """

    __tablename__ = "unreadable_request"
    __table_args__ = IDS_STAY_UNIQUE

    id: Mapped[int] = mapped_column(primary_key=True)
    received_at: Mapped[datetime] = mapped_column(default=clock.now)
    sender: Mapped[str] = mapped_column(String(45), default="")
    content_type: Mapped[str] = mapped_column(String(200), default="")
    reason: Mapped[str] = mapped_column(String(80), default="")
    is_genuine: Mapped[bool] = mapped_column(default=False, server_default=false())
    body: Mapped[bytes] = mapped_column(LargeBinary)
