"""Hands one message to a mail server, and says in one word what went wrong; no database here."""

import contextlib
import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import localtime

from crm_app import clock
from crm_app.errors import RamalError
from crm_app.mail.models import SAID_LENGTH, Encryption

# For the connection, and again for each answer.
PATIENCE_S = 10


class MailError(RamalError):
    """A message did not go out; `said` is what the server answered, where it did.

    `is_of_server` says that any other message would have failed, too.
    """

    def __init__(self, code: str, said: str = "") -> None:
        super().__init__(f"{code} {said}".strip())
        self.code, self.said = code, said

    @property
    def is_of_server(self) -> bool:
        """Whether it was no matter of this message."""
        return self.code not in {"address_refused", "message_refused"}


@dataclass(frozen=True, slots=True)
class Access:
    """A mail server and how to sign in there; without a user nobody does."""

    host: str
    port: int
    encryption: Encryption
    sender: str
    user: str = ""
    password: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Letter:
    """One message in plain text. Of two with the same `key` a reader's mailbox may keep one."""

    to: str
    to_name: str
    from_name: str
    subject: str
    text: str
    key: str


def deliver(letter: Letter, access: Access) -> None:
    """Hand a message over; takes at most some times PATIENCE_S. Raises MailError."""
    message = _message(letter, access.sender)
    with _in_words(access), _connected(access) as server:
        if access.user:
            if not server.has_extn("auth"):
                raise MailError("no_sign_in")
            server.login(access.user, access.password)
        server.send_message(message, access.sender, [letter.to])


def one_line(text: str) -> str:
    """Make a text fit for a header: nothing in it begins another one."""
    return " ".join(text.split())


def _message(letter: Letter, sender: str) -> EmailMessage:
    message = EmailMessage()
    message["From"] = _address(letter.from_name, sender)
    message["To"] = _address(letter.to_name, letter.to)
    message["Subject"] = one_line(letter.subject)
    message["Date"] = localtime(clock.now())
    message["Message-ID"] = f"<{letter.key}@{_ascii(sender.rpartition('@')[2])}>"
    # So that out-of-office replies do not answer it (RFC 3834).
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(letter.text)
    return message


def _address(name: str, address: str) -> Address:
    # Not as one text: its parser refuses what people may have before the @.
    user, _at, domain = address.rpartition("@")
    return Address(one_line(name), user, _ascii(domain))


def _ascii(domain: str) -> str:
    return domain if domain.isascii() else domain.encode("idna").decode()


@contextmanager
def _connected(access: Access) -> Iterator[smtplib.SMTP]:
    """Connect, encrypted as is wanted; the certificate must be good for the server's name."""
    checks = ssl.create_default_context()
    if access.encryption == Encryption.TLS:
        server: smtplib.SMTP = smtplib.SMTP_SSL(
            access.host, access.port, timeout=PATIENCE_S, context=checks
        )
    else:
        server = smtplib.SMTP(access.host, access.port, timeout=PATIENCE_S)
    with contextlib.closing(server):
        server.ehlo_or_helo_if_needed()
        if access.encryption == Encryption.STARTTLS:
            if not server.has_extn("starttls"):
                raise MailError("no_starttls")
            server.starttls(context=checks)
            server.ehlo()
        yield server
        # The message is handed over: nothing that is said from now on takes it back.
        with contextlib.suppress(OSError):
            server.quit()


@contextmanager
def _in_words(access: Access) -> Iterator[None]:
    """Turn what the library raises, here or below, into a MailError."""
    try:
        yield
    except OSError as error:
        # All of smtplib's are OSErrors, too.
        code, said = _why(error)
        # Some servers repeat what they do not understand.
        is_telling = bool(access.password) and access.password in said
        raise MailError(code, "" if is_telling else said) from None
    except UnicodeError:
        raise MailError("address_refused") from None


def _why(error: OSError) -> tuple[str, str]:
    if isinstance(error, smtplib.SMTPServerDisconnected):
        return ("timeout" if isinstance(error.__context__, TimeoutError) else "broke_off"), ""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return "address_refused", _said(*next(iter(error.recipients.values())))
    code = next((code for kind, code in _CODES if isinstance(error, kind)), "cannot_connect")
    if isinstance(error, smtplib.SMTPResponseException):
        return code, _said(error.smtp_code, error.smtp_error)
    return code, ""


_CODES: tuple[tuple[type[OSError], str], ...] = (
    (smtplib.SMTPAuthenticationError, "sign_in_refused"),
    (smtplib.SMTPSenderRefused, "sender_refused"),
    (smtplib.SMTPDataError, "message_refused"),
    # Of an address in letters that this server cannot write.
    (smtplib.SMTPNotSupportedError, "address_refused"),
    (smtplib.SMTPException, "broke_off"),
    (ssl.SSLCertVerificationError, "certificate"),
    (ssl.SSLError, "tls"),
    (TimeoutError, "timeout"),
)


def _said(code: int, text: bytes | str) -> str:
    words = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    return one_line(f"{code} {words}")[:SAID_LENGTH]
