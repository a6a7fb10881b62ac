"""Keys, webhook address and switches, ready for use without a look into the database each time."""

import threading
import time
from dataclasses import dataclass

import structlog
from sqlalchemy import Engine, select

from crm_app import database
from crm_app.database import is_away
from crm_app.encryption import Vault, WrongKeyError
from crm_app.telephony.models import TelephonySettings

MAX_AGE_SECONDS = 1.0
log = structlog.get_logger(__name__)

_table = TelephonySettings.__table__
_ROW = select(
    _table.c.key_locked,
    _table.c.secret_locked,
    _table.c.webhook_token,
    _table.c.shows_caller_name,
).where(_table.c.id == 1)


@dataclass(frozen=True, slots=True)
class Link:
    """The connection with the PBX; `is_readable` is False when SECRET_KEY is not the old one."""

    key: str = ""
    secret: str = ""
    token: str = ""
    shows_caller_name: bool = True
    is_readable: bool = True

    @property
    def is_connected(self) -> bool:
        """Tell whether there are keys to sign and verify with."""
        return bool(self.key and self.secret)


class LinkCache:
    """One process's view of the connection; another process's change is seen within a second."""

    def __init__(self, vault: Vault, engine: Engine) -> None:
        self._vault = vault
        self._engine = engine
        self._link: Link | None = None
        self._is_reading = threading.Lock()
        self._read_at = 0.0
        self._locked: tuple[str, str] = ("", "")

    def current(self) -> Link:
        """Give the connection, a second old at most but for the moment that reading it takes.

        While the database is away it is as old as that. Raises what `is_away` knows when it is
        away and was never asked.
        """
        link = self._link
        if link is None:
            return self.read()
        is_old = time.monotonic() - self._read_at > MAX_AGE_SECONDS
        # One reads for all: each would open a connection of its own to the database.
        if not is_old or not self._is_reading.acquire(blocking=False):
            return link
        try:
            return self.read()
        except Exception as error:
            if not is_away(error):
                raise
            # Nobody can have changed it there. Ask again in a second, not at every notification.
            self._read_at = time.monotonic()
            return link
        finally:
            self._is_reading.release()

    def read(self) -> Link:
        """Give the connection as it is stored now; decrypts only what has changed."""
        began = time.monotonic()
        with database.reading(), self._engine.connect() as connection:
            row = connection.execute(_ROW).one_or_none()
        old, locked = self._link, ("", "") if row is None else (row.key_locked, row.secret_locked)
        if old is not None and locked == self._locked:
            key, secret, is_readable = old.key, old.secret, old.is_readable
        else:
            key, secret, is_readable = self._decrypt(*locked)
            if old is not None and old.is_connected and not is_readable:
                # The key was exchanged, and this process waits for its restart: until then what it
                # knows is right, and no call is refused.
                key, secret, is_readable = old.key, old.secret, True
        self._link = Link(
            key=key,
            secret=secret,
            token="" if row is None else row.webhook_token,
            shows_caller_name=row is None or row.shows_caller_name,
            is_readable=is_readable,
        )
        self._locked, self._read_at = locked, began
        return self._link

    def forget(self) -> None:
        """Read anew at the next question, because something was changed."""
        self._link = None

    def _decrypt(self, key: str, secret: str) -> tuple[str, str, bool]:
        if not key or not secret:
            return "", "", True
        try:
            return self._vault.decrypt(key), self._vault.decrypt(secret), True
        except WrongKeyError as error:
            log.error("telephony keys unreadable", reason=str(error))
            return "", "", False
