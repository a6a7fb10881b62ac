"""The operator's commands about the secret key: `flask secret-key …`."""

import click
from flask import current_app
from flask.cli import AppGroup

from crm_app import key_file
from crm_app.accounts.sessions import services as sessions
from crm_app.config import Config
from crm_app.encryption import KeyRing
from crm_app.extensions import db
from crm_app.keys import services

secret_key_cli = AppGroup("secret-key", help="Exchange the key that signs and encrypts.")

ENDED = (
    "Ended: all {count} sessions, so everybody signs in again, and every form that is open.\n"
    "As before: passwords, PBX keys, one-time links, the webhook address."
)


@secret_key_cli.command("rotate")
def rotate() -> None:
    """Make a new key, encrypt everything with it, and say what ended.

    The old key is not needed afterwards. The new key is printed when SECRET_KEY or SECRET_KEY_FILE
    is set, because Ramal then does not store it itself.
    """
    settings: Config = current_app.extensions["settings"]
    old = settings.secret_keys
    services.check(settings.key_ring)
    new = key_file.new_key()
    if settings.keeps_key:
        # With both keys in the file, the office can start even if this is interrupted.
        key_file.replace(settings.key_path, [new, *old])
    exchanged = services.encrypt_with_newest(KeyRing([new, *old]))
    # Browsers that stay signed in have a token that no key signs.
    ended = sessions.end_everybodys()
    db.session.commit()
    if settings.keeps_key:
        key_file.replace(settings.key_path, [new])
        click.echo(f"The new key is in {settings.key_path}. Restart Ramal now.")
    else:
        where = settings.secret_key_file or "SECRET_KEY"
        click.echo(f"Put this key into {where} now, and restart Ramal:\n\n  SECRET_KEY={new}\n")
    click.echo(f"Encrypted with the new key: {exchanged}.")
    click.echo(ENDED.format(count=ended))
    if settings.secret_key_fallbacks:
        click.echo("Take the old keys out of SECRET_KEY_FALLBACKS: nothing needs them any more.")


@secret_key_cli.command("adopt")
@click.confirmation_option(
    prompt="Forget what the lost key encrypted (PBX keys, second factors)?",
    help="Do not ask.",
)
def adopt() -> None:
    """Open a database whose key is lost: drop what was encrypted, keep everything else."""
    settings: Config = current_app.extensions["settings"]
    forgotten, locked_out = services.adopt(settings.key_ring)
    click.echo(f"The database belongs to the key of today. Forgotten: {forgotten}.")
    if locked_out:
        click.echo(
            f"{locked_out} passwords were hashed by a release before 0.3.0 with the lost key: "
            "give these people new ones with `flask user reset EMAIL`."
        )
