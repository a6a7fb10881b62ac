"""`flask telephony simulate`: a documented call, played at the server of this office."""

from collections.abc import Mapping

import click
from flask import current_app

from crm_app.config import Config
from crm_app.simulator import signatures
from crm_app.simulator.office import Simulator
from crm_app.simulator.posting import Delivery
from crm_app.simulator.scenarios import UnknownScenarioError, scenario, scenario_ids
from crm_app.telephony.setup.commands import stored_link
from crm_app.telephony.webhook.verification import is_allowed_sender


@click.command("simulate")
@click.argument("scenario_id", metavar="SCENARIO", type=click.Choice(scenario_ids()))
@click.option("--from", "client", default="", help="The outside number, such as +351910000042.")
@click.option("--to-ext", "extensions", multiple=True, help="An extension that takes part.")
@click.option("--speed", default=0.2, help="Pauses: 1 as in life, 0 none.", show_default=True)
def simulate(scenario_id: str, client: str, extensions: tuple[str, ...], speed: float) -> None:
    """Play a call at this server's webhook, signed with the stored keys."""
    link = stored_link()
    config: Config = current_app.extensions["settings"]
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
    address = _local_address(config, link.token)
    deliveries = _play(scenario_id, Simulator(link.key, link.secret, address), given, speed)
    refused = [one for one in deliveries if one.status != _expected(scenario_id, one)]
    if refused:
        first = refused[0]
        why = f"answered {first.status}" if first.status else f"does not answer ({first.body})"
        raise click.ClickException(f"{address} {why} to {first.event}.")


def _play(
    scenario_id: str, pbx: Simulator, given: Mapping[str, str], speed: float
) -> list[Delivery]:
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
        is_faulty = bool(event.get("signature")) and _is_signed(delivery.event)
        if event["fields"]["event"] == delivery.event and is_faulty:
            return 403
    return 200


def _is_signed(event: str) -> bool:
    return signatures.signed_text({"event": event}) is not None


def _local_address(config: Config, token: str) -> str:
    host, _, port = config.bind.rpartition(":")
    host = "127.0.0.1" if host in {"0.0.0.0", "[::]"} else host  # noqa: S104 (only compared)
    return f"http://{host}:{port}/zadarma{f'/{token}' if token else ''}"
