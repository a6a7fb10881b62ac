"""The operator's commands about routing: block, unblock, black-list, preview."""

import json
from datetime import date, datetime
from zoneinfo import ZoneInfo

import click
from flask import current_app
from flask.cli import with_appcontext

from crm_app.config import Config
from crm_app.errors import InvalidInputError
from crm_app.extensions import db
from crm_app.local_time import LocalTime
from crm_app.telephony.models import BlockedNumber, TelephonySettings
from crm_app.telephony.routing import black_list, wording
from crm_app.telephony.routing.preview import Office
from crm_app.telephony.routing.preview import preview as ask

_AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")


@click.command("block")
@click.argument("number")
@click.option("--reason", default="", help="Why its calls are refused.")
@click.option("--until", "until_text", help="The last day or moment: 2026-12-31, 2026-12-31T18:00.")
@with_appcontext
def block(number: str, reason: str, until_text: str | None) -> None:
    """Refuse calls from NUMBER, or from all that begin alike: "+35191*"."""
    until, country = _last_moment(until_text), _config().default_country
    try:
        # A script has nobody to answer a question.
        row = black_list.block(number, country, None, reason=reason, until=until, is_confirmed=True)
    except InvalidInputError as error:
        raise click.ClickException(wording.refusal(error)) from error
    count = black_list.clients_of(row.pattern)
    db.session.commit()
    click.echo(f"{row.pattern} is on the black list.")
    if count:
        click.echo(wording.of_clients(count))
    if TelephonySettings.current().switches.black_list == "off":
        click.echo("The switch black_list is off, so nothing is refused.")


@click.command("unblock")
@click.argument("number")
@with_appcontext
def unblock(number: str) -> None:
    """Take NUMBER off the black list."""
    try:
        black_list.unblock(number, _config().default_country, None)
    except InvalidInputError as error:
        raise click.ClickException(wording.refusal(error)) from error
    db.session.commit()
    click.echo("It is not on the black list any longer.")


@click.command("black-list")
@_AS_JSON
@with_appcontext
def show(as_json: bool) -> None:
    """List the numbers whose calls are refused now."""
    entries = black_list.in_force()
    if as_json:
        numbers = [
            {
                "number": entry.row.pattern,
                "reason": entry.row.reason,
                "by": entry.row.by.email if entry.row.by else None,
                "until": entry.row.expires_at.isoformat() if entry.row.expires_at else None,
                "count": entry.count,
            }
            for entry in entries
        ]
        click.echo(json.dumps({"numbers": numbers}, ensure_ascii=False))
        return
    for entry in entries:
        until = _ending_of(entry.row)
        click.echo(f"{entry.row.pattern:<20} {entry.count:>5}  {until:<22} {entry.row.reason}")


@click.command("preview")
@click.argument("number")
@click.option("--line", default="", help="The line that is called.")
@click.option("--at", "at_text", help="When: 2026-03-02T12:00, by default now.")
@_AS_JSON
@with_appcontext
def preview(number: str, line: str, at_text: str | None, as_json: bool) -> None:
    """Say what would happen if NUMBER rang ("" hides it); nothing is stored."""
    office = Office(_config().default_country, _config().default_timezone)
    switches, at = TelephonySettings.current().switches, _moment(at_text, "--at")
    try:
        found = ask(db.session.connection(), office, switches, number, line, at)
    except InvalidInputError as error:
        raise click.ClickException(wording.refusal(error)) from error
    steps = found.decision.steps
    if as_json:
        answer = {
            "rule": found.decision.rule,
            "why": wording.says(steps[-1]),
            "answer": found.answer,
        }
        click.echo(json.dumps(answer, ensure_ascii=False))
        return
    for step in steps:
        mark = "yes" if step.decides else "no"
        click.echo(f"{wording.RULES[step.rule]!s:<22} {mark:<4} {wording.says(step)}")
    if found.decision.name:
        click.echo(wording.says_of_name(found.decision))
    click.echo(json.dumps(found.answer, ensure_ascii=False))


ALL = (block, unblock, show, preview)


def _last_moment(text: str | None) -> datetime | None:
    """Read when something ends; a day alone is the last one."""
    try:
        day = date.fromisoformat(text or "")
    except ValueError:
        return _moment(text, "--until")
    return LocalTime.of(_config().default_timezone).day_over(day)


def _ending_of(row: BlockedNumber) -> str:
    if row.expires_at is None:
        return ""
    zone = _config().default_timezone
    day = black_list.last_day(row, zone)
    if day is not None:
        return f"until {day}"
    return f"until {row.expires_at.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M}"


def _moment(text: str | None, option: str) -> datetime | None:
    """Read a moment; without a zone it is one of the office's wall clock."""
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter(f"{text!r} is no time.", param_hint=option) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(_config().default_timezone))


def _config() -> Config:
    config: Config = current_app.extensions["settings"]
    return config
