"""`flask calls import`: takes in a list of calls at once."""

import json
import sys
import time
from pathlib import Path

import click
from flask.cli import with_appcontext

from crm_app.extensions import db
from crm_app.telephony.call_files import reading
from crm_app.telephony.call_files.reading import Counts, UnreadableFileError
from crm_app.telephony.call_files.wording import CLOCK_UNKNOWN, WHY_NOT_READ, WHY_REFUSED
from crm_app.telephony.reconciliation import asking
from crm_app.telephony.reconciliation.reading import CALLS_AT_ONCE, RESTS_S
from crm_app.telephony.reconciliation.taking import HISTORY


@click.command("import")
@click.argument("path", metavar="FILE", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
@with_appcontext
def import_calls(path: Path, as_json: bool) -> None:
    """Take in the calls that the PBX's cabinet gives as CSV (Statistics, PBX users)."""
    counts = Counts()
    source = asking.source(HISTORY)
    db.session.rollback()
    try:
        calls = reading.read(_content(path), source, counts)
    except UnreadableFileError as error:
        sentence = str(WHY_NOT_READ[error.code])
        if not as_json:
            raise click.ClickException(sentence) from error
        click.echo(json.dumps({"import": None, "error": sentence} | _as_json(counts)))
        sys.exit(1)
    if not source.time.is_known:
        click.echo(CLOCK_UNKNOWN, err=True)
    for start in range(0, len(calls), CALLS_AT_ONCE):
        # The clock may turn out to be another before the end.
        reading.take(calls[start : start + CALLS_AT_ONCE], asking.source(HISTORY), counts)
        db.session.commit()
        time.sleep(RESTS_S)
    counts.refusals.sort(key=lambda refusal: refusal.row)
    if as_json:
        click.echo(json.dumps(_as_json(counts)))
        return
    for refusal in counts.refusals:
        click.echo(f"record {refusal.row}: {WHY_REFUSED[refusal.reason]}")
    click.echo(
        f"{counts.rows} records: {counts.new} new, {counts.completed} completed, "
        f"{counts.same} the same, {len(counts.refusals)} refused."
    )


def _content(path: Path) -> bytes:
    try:
        if path.stat().st_size > reading.MOST_BYTES:
            raise UnreadableFileError("too_large")
        return path.read_bytes()
    except OSError:
        raise UnreadableFileError("missing") from None


def _as_json(counts: Counts) -> dict[str, object]:
    return {
        "rows": counts.rows,
        "new": counts.new,
        "completed": counts.completed,
        "same": counts.same,
        "refused": len(counts.refusals),
        "refusals": [
            {"row": one.row, "reason": one.reason, "text": str(WHY_REFUSED[one.reason])}
            for one in counts.refusals
        ],
    }
