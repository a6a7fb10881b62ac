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
from crm_app.telephony.connection import Link, LinkCache
from crm_app.telephony.models import TelephonySettings
from crm_app.telephony.setup import health_checks
from crm_app.telephony.setup import wording as health_words
from crm_app.telephony.switches import Switches
from crm_app.telephony.views import probe
from crm_app.telephony.webhook import quarantine

_SENDING_SECONDS = 5.0
_MARKS = {"ok": "ok     ", "warn": "look   ", "bad": "BROKEN ", "unknown": "?      "}
telephony_cli = AppGroup("telephony", help="Join the office to its PBX, and see whether it works.")


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


@telephony_cli.command("check")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
def check(as_json: bool) -> None:
    """Ask the PBX, and report for each part of the connection whether it works."""
    link = stored_link()
    if link.is_connected:
        services.keep(probe(link))
        db.session.commit()
    settings = TelephonySettings.current()
    seen = health_checks.arrivals()
    reports = [
        health_words.report(one) for one in health_checks.run(settings, link, _config(), seen)
    ]
    broken = [report.check.name for report in reports if report.check.state == "bad"]
    if as_json:
        shown = [
            {"lamp": one.check.name, "state": one.check.state, "says": one.says, "do": one.do}
            for one in reports
        ]
        click.echo(json.dumps({"lamps": shown}, ensure_ascii=False))
        sys.exit(1 if broken else 0)
    for report in reports:
        click.echo(f"{_MARKS[report.check.state]}{report.says}")
    if settings.last_error:
        click.echo(f"       {wording.api_sentence(settings.last_error)}")
    if broken:
        raise click.ClickException(f"the telephony does not work: {', '.join(broken)}.")


@telephony_cli.command("switches")
@click.argument("name", required=False)
@click.argument("value", required=False)
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


@telephony_cli.command("retry")
def retry() -> None:
    """Store the signed notifications that could not be stored before.

    The worker does the same once an hour.
    """
    result = quarantine.retry_quarantined(_config().default_country)
    # Updates not sent yet would be lost with this process.
    screen_updates.wait_until_sent(_SENDING_SECONDS)
    click.echo(f"{result.taken} taken in, {result.left} left.")


def stored_link() -> Link:
    """Return the stored connection; ends the command when its keys cannot be read."""
    links: LinkCache = current_app.extensions["telephony_links"]
    link = links.read()
    if not link.is_readable:
        raise click.ClickException(str(wording.SETTINGS["wrong_key"]))
    return link


def _config() -> Config:
    config: Config = current_app.extensions["settings"]
    return config
