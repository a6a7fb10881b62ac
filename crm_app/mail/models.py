"""The office's mail server as it is stored."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Self

from sqlalchemy import CheckConstraint, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from crm_app import clock
from crm_app.email_addresses import MAX_LENGTH
from crm_app.encryption import ENCRYPTED
from crm_app.extensions import Model, db

HOST_LENGTH = 253
SAID_LENGTH = 200
FIRST_REST, LONGEST_REST = timedelta(seconds=5), timedelta(minutes=5)


class Encryption(StrEnum):
    """How the connection with a mail server is encrypted."""

    STARTTLS = "starttls"
    TLS = "tls"
    NONE = "none"


class MailServer(Model):
    """Where the office's e-mail is handed over, and how the last try went; one row, or none.

    `failure` is the code of why the last message did not go out, "" when it did, and `said` the
    server's own words; `failures` counts those in a row that were the server's and not a message's.
    """

    __tablename__ = "mail_server"
    __table_args__ = (CheckConstraint("id = 1", name="only_one"),)

    id: Mapped[int] = mapped_column(primary_key=True, default=1, autoincrement=False)
    host: Mapped[str] = mapped_column(String(HOST_LENGTH))
    port: Mapped[int]
    encryption: Mapped[Encryption] = mapped_column(String(10))
    user: Mapped[str] = mapped_column(String(MAX_LENGTH), default="")
    password_encrypted: Mapped[str] = mapped_column(Text, default="", info=ENCRYPTED)
    sender: Mapped[str] = mapped_column(String(MAX_LENGTH))
    changed_at: Mapped[datetime] = mapped_column(default=clock.now)
    tried_at: Mapped[datetime | None]
    failure: Mapped[str] = mapped_column(String(20), default="")
    said: Mapped[str] = mapped_column(String(SAID_LENGTH), default="")
    failures: Mapped[int] = mapped_column(default=0)

    @classmethod
    def find(cls) -> Self | None:
        """Return the row, if a server is set up."""
        return db.session.get(cls, 1)

    @property
    def rests_until(self) -> datetime | None:
        """Until when a server that is away is not asked again: each time three times as long."""
        if not self.failures or self.tried_at is None:
            return None
        factor: int = 3 ** min(self.failures - 1, 10)
        return self.tried_at + min(FIRST_REST * factor, LONGEST_REST)
