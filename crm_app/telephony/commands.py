"""The operator's commands about the PBX: `flask telephony …`."""

import json
import sys
from collections.abc import Mapping

import click
from flask import current_app
from flask.cli import AppGroup

from crm_app.config import Config
from crm_app.encryption import WrongKeyError
from crm_app.errors import InvalidInputError
from crm_app.extensions import db
from crm_app.keys import services as keys
from crm_app.telephony import checks, kept, services, wording
from crm_app.telephony.connection import Link, LinkCache
from crm_app.telephony.models import TelephonySettings
from crm_app.telephony.telling import teller
from crm_app.telephony.views import probe
from crm_app.telephony.webhooks import is_allowed_sender
from crm_app.telephony.zadarma.signing import has_signature_rule
from crm_app.telephony.zadarma.simulator.office import Simulator
from crm_app.telephony.zadarma.simulator.posting import Delivery
from crm_app.telephony.zadarma.simulator.scenarios import (
    UnknownScenarioError,
    scenario,
    scenario_ids,
)

_TELLING_SECONDS = 5.0
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
        hint = " Nothing was stored; --untested stores them all the same."
        sentence = wording.api_sentence(found.error)
        raise click.ClickException(sentence + (hint if found.may_be_kept else ""))
    services.save_keys(*pair, vault)
    services.keep(found)
    if found.error:
        click.echo(f"Stored, but not tested: {wording.api_sentence(found.error)}")
    else:
        click.echo("Connected: Zadarma accepts the keys.")
    click.echo(f"Webhook address: {_webhook_url()}")


def _why_not(error: InvalidInputError | WrongKeyError) -> str:
    if isinstance(error, InvalidInputError):
        return wording.setting_sentence(error)
    return str(wording.SETTINGS["wrong_key"])


@telephony_cli.command("check")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
def check(as_json: bool) -> None:
    """Ask the PBX, and say for each part of the connection whether it works."""
    link = _link()
    if link.is_connected:
        services.keep(probe(link))
    settings = TelephonySettings.current()
    lamps = [
        wording.said(lamp) for lamp in checks.lamps(settings, link, _config(), checks.arrivals())
    ]
    broken = [said.lamp.name for said in lamps if said.lamp.state == "bad"]
    if as_json:
        shown = [
            {"lamp": said.lamp.name, "state": said.lamp.state, "says": said.says, "do": said.do}
            for said in lamps
        ]
        click.echo(json.dumps({"lamps": shown}, ensure_ascii=False))
        sys.exit(1 if broken else 0)
    for said in lamps:
        click.echo(f"{_MARKS[said.lamp.state]}{said.says}")
    if settings.last_error:
        click.echo(f"       {wording.api_sentence(settings.last_error)}")
    if broken:
        raise click.ClickException(f"the telephony does not work: {', '.join(broken)}.")


@telephony_cli.command("retry")
def retry() -> None:
    """Take in the notifications that were kept because they could not be stored.

    Only those that the PBX has signed. The worker does the same once an hour.
    """
    looked = kept.take_in_again(_config().default_country)
    # What is told in a thread would end with this process.
    teller.is_done(_TELLING_SECONDS)
    click.echo(f"{looked.taken} taken in, {looked.left} left.")


@telephony_cli.command("simulate")
@click.argument("scenario_id", metavar="SCENARIO", type=click.Choice(scenario_ids()))
@click.option("--from", "client", default="", help="The outside number, such as +351910000042.")
@click.option("--to-ext", "extensions", multiple=True, help="An extension that takes part.")
@click.option("--speed", default=0.2, help="Pauses: 1 as in life, 0 none.", show_default=True)
def simulate(scenario_id: str, client: str, extensions: tuple[str, ...], speed: float) -> None:
    """Play a call at this server's webhook, signed with the stored keys."""
    link, config = _link(), _config()
    if not link.is_connected:
        raise click.ClickException("the telephony is not connected: `flask telephony connect`.")
    if not is_allowed_sender("127.0.0.1", config):
        raise click.ClickException(
            "the webhook does not take notifications from this machine: "
            "start the server with 127.0.0.0/8 in WEBHOOK_ALLOWED_NETWORKS."
        )
    given = {f"ext{place}": extension for place, extension in enumerate(extensions[:5], 1)}
    if client:
        given["client"] = client
    deliveries = _play(scenario_id, link, given, speed)
    refused = [one for one in deliveries if one.status != _expected(scenario_id, one)]
    if refused:
        first = refused[0]
        why = f"answered {first.status}" if first.status else f"does not answer ({first.body})"
        raise click.ClickException(f"{_webhook_url(is_local=True)} {why} to {first.event}.")


def _play(scenario_id: str, link: Link, given: Mapping[str, str], speed: float) -> list[Delivery]:
    pbx = Simulator(link.key, link.secret, _webhook_url(is_local=True))
    try:
        deliveries = pbx.play(scenario_id, speed=speed, **given)
    except UnknownScenarioError as error:
        raise click.ClickException(str(error)) from error
    finally:
        pbx.stop()
    for one in deliveries:
        click.echo(f"{one.event:<20} {one.status}  {one.seconds * 1000:.0f} ms  {one.body[:60]}")
    return deliveries


def _expected(scenario_id: str, delivery: Delivery) -> int:
    for event in scenario(scenario_id).events:
        is_faulty = bool(event.get("signature")) and has_signature_rule(delivery.event)
        if event["fields"]["event"] == delivery.event and is_faulty:
            return 403
    return 200


def _link() -> Link:
    links: LinkCache = current_app.extensions["telephony_links"]
    link = links.read()
    if not link.is_readable:
        raise click.ClickException(str(wording.SETTINGS["wrong_key"]))
    return link


def _config() -> Config:
    config: Config = current_app.extensions["settings"]
    return config


def _webhook_url(*, is_local: bool = False) -> str:
    config, token = _config(), TelephonySettings.current().webhook_token
    db.session.rollback()
    if not is_local:
        return checks.webhook_url(config, token)
    host, _, port = config.bind.rpartition(":")
    host = "127.0.0.1" if host in {"0.0.0.0", "[::]"} else host  # noqa: S104 (only compared)
    return f"http://{host}:{port}/zadarma{f'/{token}' if token else ''}"
