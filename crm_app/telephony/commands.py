"""The operator's commands about the PBX: `flask telephony …`."""

import json
import sys

import click
from flask import current_app
from flask.cli import AppGroup

from crm_app.config import Config
from crm_app.encryption import WrongKeyError
from crm_app.errors import InvalidInputError
from crm_app.extensions import db
from crm_app.keys import services as keys
from crm_app.live.screen_updates import screen_updates
from crm_app.telephony import services, wording
from crm_app.telephony.connection import Link
from crm_app.telephony.models import TelephonySettings
from crm_app.telephony.routing import commands as routing
from crm_app.telephony.setup import health_checks
from crm_app.telephony.setup.asking import probe
from crm_app.telephony.setup.commands import check, register
from crm_app.telephony.switches import Switches
from crm_app.telephony.webhook import quarantine

_SENDING_SECONDS = 5.0
telephony_cli = AppGroup("telephony", help="Join the office to its PBX, and see whether it works.")
telephony_cli.add_command(check)
telephony_cli.add_command(register)


@telephony_cli.command("connect")
@click.option("--key", required=True, help="The key of the Zadarma account.")
@click.option("--secret-stdin", is_flag=True, help="Read the secret from standard input.")
@click.option("--untested", is_flag=True, help="Store them also when Zadarma cannot be asked.")
def connect(key: str, secret_stdin: bool, untested: bool) -> None:
    """Test key and secret, and store them, encrypted, if Zadarma accepts them."""
    keys.check(current_app.extensions["settings"].key_ring)
    secret = sys.stdin.readline() if secret_stdin else click.prompt("Secret", hide_input=True)
    vault = current_app.extensions["vault"]
    try:
        pair = services.typed_keys(key, secret, vault)
    except (InvalidInputError, WrongKeyError) as error:
        raise click.ClickException(_why_not(error)) from error
    found = probe(Link(*pair))
    if found.error and not (found.may_be_kept and untested):
        hint = " Nothing was stored; --untested stores them anyway."
        sentence = wording.api_sentence(found.error)
        raise click.ClickException(sentence + (hint if found.may_be_kept else ""))
    services.save_keys(*pair, vault)
    services.keep(found)
    db.session.commit()
    if found.error:
        click.echo(f"Stored, but not tested: {wording.api_sentence(found.error)}")
    else:
        click.echo("Connected: Zadarma accepts the keys.")
    address = health_checks.webhook_url(_config(), TelephonySettings.current().webhook_token)
    click.echo(f"Webhook address: {address}")


def _why_not(error: InvalidInputError | WrongKeyError) -> str:
    if isinstance(error, InvalidInputError):
        return wording.setting_sentence(error)
    return str(wording.SETTINGS["wrong_key"])


def _not_an_option(
    context: click.Context, _argument: click.Parameter, typed: str | None
) -> str | None:
    """Let a number below zero be an argument, and nothing else that looks like an option."""
    if typed and typed.startswith("-") and not typed[1:2].isdecimal():
        raise click.NoSuchOption(typed, ctx=context)
    return typed


@telephony_cli.command("switches", context_settings={"ignore_unknown_options": True})
@click.argument("name", required=False, callback=_not_an_option)
@click.argument("value", required=False, callback=_not_an_option)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
def switches(name: str | None, value: str | None, as_json: bool) -> None:
    """List the switches of the automation, or set the one called NAME to VALUE."""
    if name and value is None:
        raise click.UsageError("a switch is set to a value: NAME VALUE.")
    if name:
        try:
            services.set_switches({name: value})
        except InvalidInputError as error:
            sentence = wording.setting_sentence(error)
            raise click.ClickException(f"{error.field}: {sentence}") from error
        db.session.commit()
    now = TelephonySettings.current().switches.model_dump()
    if as_json:
        click.echo(json.dumps(now))
        return
    for switch, state in now.items():
        label = Switches.model_fields[switch].title
        click.echo(f"{switch:<24} {json.dumps(state):<8} {label}")


for command in routing.ALL:
    telephony_cli.add_command(command)


@telephony_cli.command("retry")
def retry() -> None:
    """Store the signed notifications that could not be stored before.

    The worker does the same once an hour.
    """
    result = quarantine.retry_quarantined(_config().default_country)
    # Updates not sent yet would be lost with this process.
    screen_updates.wait_until_sent(_SENDING_SECONDS)
    click.echo(f"{result.taken} taken in, {result.left} left.")


def _config() -> Config:
    config: Config = current_app.extensions["settings"]
    return config
