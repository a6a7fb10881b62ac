"""Sends a message through the office's mail server, between two transactions of its own."""

from datetime import datetime

from sqlalchemy import update

from crm_app import clock, database
from crm_app.encryption import Vault, WrongKeyError
from crm_app.extensions import db
from crm_app.mail.models import Encryption, MailServer
from crm_app.mail.smtp import Access, Letter, MailError, deliver


def send(letter: Letter, vault: Vault, *, is_a_try: bool = False) -> None:
    """Send a message and note how that went; no transaction waits for the server. Commits.

    A server that was away is left alone for a while, unless somebody is trying it out. Raises
    MailError.
    """
    # Nobody else's writes may wait for the mail server.
    db.session.commit()
    with database.reading():
        server = MailServer.find()
        if server is None:
            raise MailError("not_set_up")
        seen_at, rests_until = server.changed_at, server.rests_until
        failed = MailError(server.failure, server.said)
        access = _access(server, vault)
        db.session.rollback()
    if rests_until is not None and rests_until > clock.now() and not is_a_try:
        raise failed
    try:
        if access is None:
            raise MailError("wrong_key")
        deliver(letter, access)
    except MailError as error:
        _note(seen_at, error)
        raise
    _note(seen_at, None)


def _access(server: MailServer, vault: Vault) -> Access | None:
    """Read how to sign in; None when the password was encrypted with another key."""
    try:
        password = vault.decrypt(server.password_encrypted) if server.user else ""
    except WrongKeyError:
        return None
    encryption = Encryption(server.encryption)
    return Access(server.host, server.port, encryption, server.sender, server.user, password)


def _note(seen_at: datetime, error: MailError | None) -> None:
    """Note how a try went, unless the server was changed since."""
    is_of_server = error is not None and error.is_of_server
    db.session.execute(
        update(MailServer)
        .where(MailServer.changed_at == seen_at)
        .values(
            tried_at=clock.now(),
            failure=error.code if error else "",
            said=error.said if error else "",
            failures=MailServer.failures + 1 if is_of_server else 0,
        )
        .execution_options(synchronize_session=False)
    )
    db.session.commit()
