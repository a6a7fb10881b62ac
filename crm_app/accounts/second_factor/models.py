"""Second factors: one authenticator app a user, passkeys, and recovery codes."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from crm_app import clock
from crm_app.database import IDS_STAY_UNIQUE
from crm_app.encryption import ENCRYPTED
from crm_app.extensions import Model


class AuthenticatorApp(Model):
    """The secret from which a user's authenticator app makes its codes.

    `pending_encrypted` is a key shown but not yet confirmed by a code; once confirmed it replaces
    `secret_encrypted`. Each is "" when there is none.
    """

    __tablename__ = "authenticator_app"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id"), unique=True)
    secret_encrypted: Mapped[str] = mapped_column(Text, info=ENCRYPTED, default="")
    pending_encrypted: Mapped[str] = mapped_column(Text, info=ENCRYPTED, default="")
    # The 30-second step of the last used code; that code and older ones are refused.
    last_counter: Mapped[int] = mapped_column(BigInteger, default=0)
    added_at: Mapped[datetime | None]
    used_at: Mapped[datetime | None]


class RecoveryCode(Model):
    """A code that works once; only its SHA-256 is kept (it has 80 random bits)."""

    __tablename__ = "recovery_code"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id"), index=True)
    code_hash: Mapped[str] = mapped_column(String(64), unique=True)
    used_at: Mapped[datetime | None]


class Passkey(Model):
    """A key of a device or password manager; only the public half is stored, so not encrypted.

    `credential_id`, `public_key` and `user_handle` are base64url.
    """

    __tablename__ = "passkey"
    __table_args__ = IDS_STAY_UNIQUE

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id"), index=True)
    credential_id: Mapped[str] = mapped_column(String(1400), unique=True)
    public_key: Mapped[str] = mapped_column(Text)
    user_handle: Mapped[str] = mapped_column(String(86))
    sign_count: Mapped[int] = mapped_column(BigInteger, default=0)
    name: Mapped[str] = mapped_column(String(60))
    added_at: Mapped[datetime] = mapped_column(default=clock.now)
    used_at: Mapped[datetime | None]
