"""Secrets at rest: encrypted with a key derived from the session key."""

import base64

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from crm_app.errors import RamalError


class WrongKeyError(RamalError):
    """The stored secret was encrypted with another SECRET_KEY."""


class Vault:
    """Encrypts and decrypts short texts; one is made at start from the session key."""

    def __init__(self, session_key: str) -> None:
        derived = HKDF(
            algorithm=hashes.SHA256(), length=32, salt=None, info=b"ramal: secrets at rest"
        ).derive(session_key.encode())
        self._fernet = Fernet(base64.urlsafe_b64encode(derived))

    def lock(self, text: str) -> str:
        """Encrypt a text."""
        return self._fernet.encrypt(text.encode()).decode("ascii")

    def unlock(self, locked: str) -> str:
        """Decrypt what `lock` gave; raises WrongKeyError when the key is another one."""
        try:
            return self._fernet.decrypt(locked.encode("ascii")).decode()
        except InvalidToken as error:
            raise WrongKeyError(
                "A stored secret cannot be read: SECRET_KEY has changed. "
                "Put the old key back, or type the secret again."
            ) from error
