"""The operator's commands about the set-up: `flask telephony check` and `register`."""

import json
import math
import sys
import time

import click
from flask import current_app

from crm_app.telephony import wording
from crm_app.telephony.connection import Link
from crm_app.telephony.models import TelephonySettings
from crm_app.telephony.setup import asking, health_checks
from crm_app.telephony.setup import wording as health_words
from crm_app.telephony.setup.registration import UnreachedError
from crm_app.telephony.zadarma.errors import ZadarmaError

_MARKS = {"ok": "ok     ", "warn": "look   ", "bad": "BROKEN ", "unknown": "?      "}


@click.command("check")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
def check(as_json: bool) -> None:
    """Ask the PBX, and report for each part of the connection whether it works."""
    if stored_link().is_connected:
        asking.ask_all(_wait)
    settings, link = TelephonySettings.current(), asking.current_link()
    config = current_app.extensions["settings"]
    checks = health_checks.run(settings, link, config, health_checks.arrivals())
    reports = [health_words.report(one) for one in checks]
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
    if broken:
        raise click.ClickException(f"the telephony does not work: {', '.join(broken)}.")


@click.command("register")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
def register(as_json: bool) -> None:
    """Let the PBX post all its notifications to this server."""
    if not stored_link().is_connected:
        raise click.ClickException(str(wording.DIAL["not_connected"]))
    try:
        done = asking.register(_wait)
    except UnreachedError as error:
        raise click.ClickException(_unreached()) from error
    except ZadarmaError as error:
        raise click.ClickException(wording.api_sentence(error.code)) from error
    if as_json:
        report = {"changed": done.has_changed, **done.after.as_json()}
        click.echo(json.dumps(report, ensure_ascii=False))
        return
    said = "Registered" if done.has_changed else "Nothing had to be changed"
    click.echo(f"{said}: the PBX posts its notifications to {done.after.calls.url}")
    if done.after.switched_off:
        click.echo(f"Still switched off at the PBX: {', '.join(done.after.switched_off)}")


def stored_link() -> Link:
    """Return the stored connection; ends the command when its keys cannot be read."""
    link = asking.current_link()
    if not link.is_readable:
        raise click.ClickException(str(wording.SETTINGS["wrong_key"]))
    return link


def _wait(seconds: float) -> None:
    click.echo(
        f"The PBX takes no more requests for {math.ceil(seconds)} seconds; waiting.", err=True
    )
    time.sleep(seconds)


def _unreached() -> str:
    settings, config = TelephonySettings.current(), current_app.extensions["settings"]
    checks = health_checks.run(settings, asking.current_link(), config, health_checks.arrivals())
    return next(health_words.report(one).says for one in checks if one.name == "echo")
