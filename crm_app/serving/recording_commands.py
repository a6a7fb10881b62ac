"""The operator's commands about recordings: `flask recordings …`; they work without a worker."""

import json

import click
from flask.cli import AppGroup
from sqlalchemy import select
from sqlalchemy.orm import load_only

from crm_app.extensions import db
from crm_app.jobs.runner import Runner
from crm_app.recordings import deleting
from crm_app.recordings.models import Recording
from crm_app.serving import recordings
from crm_app.telephony.models import TelephonySettings

recordings_cli = AppGroup("recordings", help="The sound files of calls.")


@recordings_cli.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
def list_all(as_json: bool) -> None:
    """List all recordings: their calls, states, sizes and checksums."""
    columns = load_only(
        Recording.call_id, Recording.recording_id, Recording.state, Recording.reason,
        Recording.found_id, Recording.size, Recording.sha256,
    )  # fmt: skip
    rows = db.session.scalars(select(Recording).options(columns).order_by(Recording.id)).all()
    if as_json:
        shown = [
            {
                "call": row.call_id, "recording": row.recording_id or row.found_id,
                "state": row.state, "reason": row.reason, "bytes": row.size, "sha256": row.sha256,
            }
            for row in rows
        ]  # fmt: skip
        click.echo(json.dumps({"recordings": shown}))
        return
    for row in rows:
        size = "" if row.size is None else f"{row.size} bytes"
        name = row.recording_id or row.found_id
        parts = (f"call {row.call_id}", name, row.state, row.reason, size, row.sha256)
        click.echo("  ".join(part for part in parts if part))


@recordings_cli.command("purge")
def purge() -> None:
    """Delete the recordings whose time is over, here and in the PBX.

    What the PBX does not answer now, the worker asks again.
    """
    days = int(TelephonySettings.current().switches.retention_days)
    count = 0
    while some := deleting.retire(days):
        db.session.commit()
        count += some
    db.session.commit()
    Runner(kind for kind in recordings.KINDS if kind.name == deleting.DELETE).work(lambda: False)
    click.echo(f"{count} recordings deleted.")
