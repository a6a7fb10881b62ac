"""Real mail servers on this machine, which keep what they are given."""

import datetime
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

HOST = "localhost"
USER, PASSWORD = "office", "open sesame 7"


class Postbox:
    """What a mail server has taken, whom it refuses, and how often somebody has connected."""

    def __init__(self) -> None:
        self.messages: list[EmailMessage] = []
        self.recipients: list[list[str]] = []
        self.refused: set[str] = set()
        self.connections = self.sign_ins = 0

    async def handle_EHLO(  # noqa: N802 (the library's name)
        self, _server: Any, session: Session, _envelope: Envelope, hostname: str, said: list[str]
    ) -> list[str]:
        self.connections += 1
        session.host_name = hostname
        return said

    async def handle_RCPT(  # noqa: N802
        self, _server: Any, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if address in self.refused:
            return "550 5.1.1 No such mailbox here"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802
        self, _server: Any, _session: Session, envelope: Envelope
    ) -> str:
        assert isinstance(envelope.content, bytes)
        message = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(message, EmailMessage)
        self.messages.append(message)
        self.recipients.append(envelope.rcpt_tos)
        return "250 Taken"

    def sign_in(self, _server: Any, _session: Any, _: Any, _way: str, given: Any) -> AuthResult:
        """Let the one user in."""
        assert isinstance(given, LoginPassword)
        is_right = (given.login, given.password) == (USER.encode(), PASSWORD.encode())
        self.sign_ins += is_right
        return AuthResult(success=is_right, handled=False)

    def text(self) -> str:
        """Give the text of the only message."""
        (message,) = self.messages
        return str(message.get_content()).replace("\r\n", "\n")


@contextmanager
def serving(
    postbox: Postbox, port: int, *, tls: Path | None = None, is_implicit: bool = False,
    asks_for_sign_in: bool = False,
) -> Iterator[None]:  # fmt: skip
    """Serve a postbox, encrypted with the certificate of a file where one is named."""
    context = None
    if tls is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tls)
    more: dict[str, Any] = {"tls_context": context} if not is_implicit else {}
    if asks_for_sign_in:
        # Of a connection that was encrypted from its beginning the library does not know it.
        more |= {"authenticator": postbox.sign_in, "auth_require_tls": not is_implicit}
        more["auth_required"] = not is_implicit
    controller = Controller(
        postbox, hostname="127.0.0.1", port=port, ready_timeout=60,
        ssl_context=context if is_implicit else None, **more,
    )  # fmt: skip
    controller.start()
    # Starting it makes one connection of its own.
    postbox.connections = 0
    try:
        yield
    finally:
        controller.stop()


def make_certificate(path: Path) -> Path:
    """Write a key, and a certificate of this machine's name that nobody but itself has signed."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC))
        .not_valid_after(datetime.datetime(2120, 1, 1, tzinfo=datetime.UTC))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(private + certificate.public_bytes(Encoding.PEM))
    return path
