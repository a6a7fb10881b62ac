"""The sentences about the mail server: what was typed wrong, and why nothing went out."""

from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from crm_app.errors import InvalidInputError
from crm_app.mail.models import Encryption

ENCRYPTIONS: dict[str, Any] = {
    Encryption.STARTTLS.value: _l("STARTTLS (mostly port 587)"),
    Encryption.TLS.value: _l("TLS (mostly port 465)"),
    Encryption.NONE.value: _l("None (only inside the office)"),
}
REFUSALS: dict[str, Any] = {
    "host_missing": _l("Type the name of the server."),
    "host_impossible": _l("This cannot be the name of a server: type it as mail.example.com."),
    "port_impossible": _l("A port is a number from 1 to 65535."),
    "sender_impossible": _l("This is no e-mail address."),
    "password_missing": _l(
        "Type the password: it is kept only for the server, port, encryption and user it was typed "
        "for."
    ),
    "password_unprotected": _l(
        "A password is never sent without encryption: choose STARTTLS or TLS, or leave the user "
        "empty."
    ),
    "too_long": _l("Use at most %(limit)s characters."),
}
FAILURES: dict[str, Any] = {
    "not_set_up": _l("No mail server is set up."),
    "cannot_connect": _l("The mail server cannot be reached: check its name and port."),
    "timeout": _l("The mail server did not answer in time: check port and encryption."),
    "certificate": _l(
        "The mail server's certificate cannot be trusted (it is self-signed, expired, or made for "
        "another name), so nothing was sent."
    ),
    "tls": _l("No encrypted connection could be made: check port and encryption."),
    "no_starttls": _l("The mail server offers no STARTTLS: choose TLS or another port."),
    "no_sign_in": _l(
        "The mail server lets nobody sign in here: check port and encryption, or leave the user "
        "empty."
    ),
    "sign_in_refused": _l("The mail server refused the sign-in: check user and password."),
    "sender_refused": _l("The mail server refused the sender's address."),
    "address_refused": _l("The mail server refused the recipient's address."),
    "message_refused": _l("The mail server refused the message."),
    "broke_off": _l("The mail server broke the connection off."),
    "wrong_key": _l("The stored password cannot be read any more: type it again."),
}
# As the table of jobs keeps it: name of the error, code, the server's words.
_OF_A_JOB = "MailError: "


def refusal(error: InvalidInputError) -> str:
    """Say what is wrong with what was typed."""
    return str(REFUSALS[error.code]) % error.details


def failure(code: str, said: str) -> str:
    """Say why a message did not go out, and what the server answered."""
    sentence = str(FAILURES.get(code, FAILURES["broke_off"]))
    return _("%(sentence)s It said: %(words)s", sentence=sentence, words=said) if said else sentence


def failure_of_job(last_error: str) -> str:
    """Say why a job could not send its message; "" for the error of another kind of job."""
    if not last_error.startswith(_OF_A_JOB):
        return ""
    code, _space, said = last_error.removeprefix(_OF_A_JOB).partition(" ")
    return failure(code, said)
