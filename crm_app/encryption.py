"""A key of its own for each purpose, all derived from SECRET_KEY; secrets at rest."""

import base64
from collections.abc import Callable, Sequence
from enum import StrEnum
from functools import cache
from typing import Final

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from crm_app.errors import RamalError

# A column that holds what `Vault.encrypt` gave says so: `mapped_column(Text, info=ENCRYPTED)`.
# `flask secret-key rotate` finds it by that and encrypts it with the new key.
ENCRYPTED: Final = {"encrypted": True}
_MARK = ":"


class Purpose(StrEnum):
    """What a derived key is for; none of them can be computed from another."""

    SESSIONS = "ramal: sessions"
    FORMS = "ramal: forms"
    AT_REST = "ramal: secrets at rest"
    SECOND_FACTOR = "ramal: second factor"
    DEVICES = "ramal: devices"
    KEY_ID = "ramal: key id"


class WrongKeyError(RamalError):
    """The stored secret was encrypted with another SECRET_KEY."""


class KeyRing:
    """SECRET_KEY and its fallbacks, the newest first, and what is derived from them."""

    def __init__(self, secret_keys: Sequence[str]) -> None:
        """Keep the keys; there must be one at least."""
        # The same key twice would be tried twice.
        self.secret_keys = tuple(dict.fromkeys(secret_keys))

    @property
    def id(self) -> str:
        """Name the key in use by 16 hexadecimal digits that do not give it away."""
        return self.ids[0]

    @property
    def ids(self) -> tuple[str, ...]:
        """Name all keys, the newest first."""
        return tuple(_derive(key, Purpose.KEY_ID)[:8].hex() for key in self.secret_keys)

    def derive(self, purpose: Purpose) -> str:
        """Return the key in use for one purpose: 32 bytes, written in URL-safe base64."""
        return self.derive_all(purpose)[0]

    def derive_all(self, purpose: Purpose) -> tuple[str, ...]:
        """Return the keys for one purpose, the newest first; the others are for reading only."""
        return tuple(
            base64.urlsafe_b64encode(_derive(key, purpose)).decode() for key in self.secret_keys
        )


class Vault:
    """Encrypts and decrypts short texts; the result names its key."""

    def __init__(self, ring: KeyRing, reload: Callable[[], KeyRing] | None = None) -> None:
        """Use the newest key of the ring; `reload` gives the ring that is kept by now.

        It is asked when a key is not known: another process may have exchanged it.
        """
        self._use(ring)
        self._reload = reload

    @property
    def key_id(self) -> str:
        """Name the key that this vault encrypts with."""
        return self._ids[0]

    def encrypt(self, text: str) -> str:
        """Encrypt a text."""
        return self.key_id + _MARK + self._fernet.encrypt(text.encode()).decode("ascii")

    def decrypt(self, encrypted: str) -> str:
        """Decrypt what `encrypt` gave; raises WrongKeyError when none of our keys fits."""
        key_id, mark, token = encrypted.rpartition(_MARK)
        if mark and key_id not in self._ids and self._reload:
            self._use(self._reload())
        try:
            return self._fernet.decrypt(token.encode("ascii")).decode()
        except InvalidToken as error:
            raise WrongKeyError(
                "A stored secret cannot be read: SECRET_KEY has changed. Put the old key back, "
                "name it in SECRET_KEY_FALLBACKS, or enter the secret again."
            ) from error

    def is_current(self, encrypted: str) -> bool:
        """Whether a text was encrypted with the newest key."""
        return encrypted.startswith(self.key_id + _MARK)

    def _use(self, ring: KeyRing) -> None:
        self._ids = ring.ids
        self._fernet = MultiFernet([Fernet(key) for key in ring.derive_all(Purpose.AT_REST)])


@cache
def _derive(secret_key: str, purpose: Purpose) -> bytes:
    return HKDF(
        algorithm=hashes.SHA256(), length=32, salt=None, info=purpose.value.encode()
    ).derive(secret_key.encode())
