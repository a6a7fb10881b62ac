"""The operator's commands that read the statistics: `flask telephony reconcile` and the like."""

import json
import math
import re
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import TypeVar

import click
from flask.cli import with_appcontext

from crm_app import clock, database
from crm_app.errors import InvalidInputError
from crm_app.extensions import db
from crm_app.live.screen_updates import screen_updates
from crm_app.telephony import wording
from crm_app.telephony.models import TelephonySettings
from crm_app.telephony.reconciliation import asking, balance, history, nightly, reading
from crm_app.telephony.reconciliation.models import HistoryLoad, ReconciledDay
from crm_app.telephony.reconciliation.reading import Reading
from crm_app.telephony.setup.commands import stored_link
from crm_app.telephony.zadarma.client import ZadarmaClient
from crm_app.telephony.zadarma.errors import ZadarmaError

Answer = TypeVar("Answer")
_SENDING_SECONDS = 5.0
_SPAN = re.compile(r"([1-9][0-9]{0,4})h")
_LONGEST_WAIT_TOLD_S = 2
# Of three questions a minute; what needs more of them goes at the pace of the jobs.
_PAGES_AT_ONCE = 2


@dataclass(frozen=True, slots=True)
class Report:
    """What a reconciliation by hand has found: calls added or completed, and its days."""

    added: int
    days: Sequence[ReconciledDay]

    @property
    def difference(self) -> int:
        """How many calls still stand on one side only."""
        return sum(day.difference for day in self.days)


@click.command("reconcile")
@click.option(
    "--since", default="24h", metavar="24h|YYYY-MM-DD", show_default=True,
    help="How far back; always whole days of the account's clock.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
@with_appcontext
def reconcile(since: str, as_json: bool) -> None:
    """Compare the log with the PBX's statistics, and add the calls that are missing."""
    is_readable = _SPAN.fullmatch(since) or _is_day(since)
    if not is_readable:
        raise click.UsageError("--since is a number of hours (24h) or a day (2026-03-02).")
    client = connected_client()
    try:
        report = _reconcile(client, lambda: _moment(since))
    except ZadarmaError as error:
        raise click.ClickException(wording.api_sentence(error.code)) from error
    finally:
        client.close()
    # Updates not sent yet would be lost with this process.
    screen_updates.wait_until_sent(_SENDING_SECONDS)
    tell(report.added, report.days, as_json=as_json)
    sys.exit(1 if report.difference else 0)


def _reconcile(
    client: ZadarmaClient,
    since: Callable[[], datetime],
) -> Report:
    """Compare everything from the day of a moment until now; raises ZadarmaError.

    `since` is asked once the account's clock is known.
    """
    db.session.rollback()
    asking.note_clock(_patiently(lambda: asking.observe(client)))
    db.session.commit()
    until, account = clock.now(), asking.time_of_account()
    days = balance.days_between(since(), until, account)
    if not days:
        raise click.UsageError("--since: this day has not begun yet by the account's clock.")
    step: Reading | None = Reading.of(account.day_begins(days[0]), until)
    db.session.rollback()
    added = pages = 0
    while step is not None:
        with database.reading():
            how = asking.source()
            db.session.rollback()
        fetched = _patiently(partial(reading.fetch, step, client, how))
        stored = asking.store(fetched)
        added += stored.taken.added + stored.taken.completed
        db.session.commit()
        pages += step.needs_page
        step = stored.next
        is_long = step is not None and step.needs_page and pages >= _PAGES_AT_ONCE
        _wait(nightly.PACE.total_seconds() if is_long else reading.RESTS_S)
    compared = balance.balance(days, asking.time_of_account())
    TelephonySettings.for_change().reconciled_at = clock.now()
    db.session.commit()
    return Report(added, compared)


def _patiently(ask: Callable[[], Answer]) -> Answer:
    """Ask the PBX, again where it says that it was asked too often; raises ZadarmaError."""
    while True:
        try:
            return ask()
        except ZadarmaError as error:
            wait = asking.wait_of(error)
            if wait is None:
                raise
            _wait(wait.how_long.total_seconds())


def connected_client() -> ZadarmaClient:
    """Make a client that waits for its turn and says so; ends the command without a connection."""
    with database.reading():
        link = stored_link()
    if not link.is_connected:
        raise click.ClickException(wording.api_sentence("not_connected"))
    client = asking.new_client(_wait)
    if client is None:
        raise click.ClickException(wording.api_sentence("not_connected"))
    return client


def tell(added: int, days: Iterable[ReconciledDay], *, as_json: bool) -> None:
    """Print what was added, and the balance of each day."""
    shown = [
        {"day": day.day.isoformat(), "pbx": day.pbx, "crm": day.crm, "difference": day.difference}
        for day in days
    ]
    total = sum(day.difference for day in days)
    if as_json:
        click.echo(json.dumps({"added": added, "difference": total, "days": shown}))
        return
    for one in shown:
        click.echo("{day}  PBX {pbx:>5}  here {crm:>5}  difference {difference}".format(**one))
    click.echo(f"{added} calls added or completed; difference {total}.")


def _wait(seconds: float) -> None:
    if seconds > _LONGEST_WAIT_TOLD_S:
        wait = math.ceil(seconds)
        click.echo(f"The PBX answers 3 such questions a minute: waiting {wait} s.", err=True)
    time.sleep(seconds)


def _moment(since: str) -> datetime:
    hours = _SPAN.fullmatch(since)
    if hours:
        return clock.now() - timedelta(hours=int(hours[1]))
    return asking.time_of_account().day_begins(date.fromisoformat(since))


def _is_day(text: str) -> bool:
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC) <= clock.now() + _TOMORROW
    except ValueError:
        return False


_TOMORROW = timedelta(days=1)


@click.command("history")
@click.option(
    "--months", type=click.IntRange(1, history.MOST_MONTHS), required=True, help="How far back."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
@with_appcontext
def load_history(months: int, as_json: bool) -> None:
    """Load old calls; stopped by Ctrl-C, it goes on where it was when it is called again."""
    client = connected_client()
    try:
        try:
            added = _load(client, months)
        except InvalidInputError as error:
            raise click.ClickException("other months are being loaded; stop that first.") from error
        finally:
            client.close()
    except KeyboardInterrupt:
        raise click.ClickException("stopped; the same command goes on from here.") from None
    load = HistoryLoad.current()
    days = history.days_of(load) if load is not None else []
    tell(added, days, as_json=as_json)
    sys.exit(1 if any(day.difference for day in days) else 0)


def _load(client: ZadarmaClient, months: int) -> int:
    """Do all steps that are left, and give the number of calls added."""
    history.start(months, None, by_worker=False)
    db.session.commit()
    while True:
        with database.reading():
            following = history.next_step()
            db.session.rollback()
        if following is None:
            load = HistoryLoad.current()
            return load.added if load is not None else 0
        step = history.fetch_step(following, client)
        going_on = history.perform({}, step)
        db.session.commit()
        if step.error:
            raise click.ClickException(wording.api_sentence(step.error))
        if going_on is not None:
            # As the job does: who takes each question that is free leaves none to polling.
            _wait(max(going_on.due_in.total_seconds(), reading.RESTS_S))
