"""The operator's command about call-backs: `flask callbacks list`."""

import json

import click
from flask.cli import AppGroup
from sqlalchemy.orm import joinedload

from crm_app import clock
from crm_app.callbacks.listing import DONE_SHOWN_FOR, every_row
from crm_app.callbacks.models import CallBack
from crm_app.extensions import db

callbacks_cli = AppGroup("callbacks", help="Whom the office has to call back.")


@callbacks_cli.command("list")
@click.option("--all", "is_all", is_flag=True, help="Also those done more than 30 days ago.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def list_call_backs(is_all: bool, as_json: bool) -> None:
    """List the call-backs: open ones as they are due, then those of the last 30 days."""
    since = None if is_all else clock.now() - DONE_SHOWN_FOR
    options = (joinedload(CallBack.owner), joinedload(CallBack.taken_by))
    rows = [_row(one) for one in db.session.scalars(every_row(since).options(*options))]
    if as_json:
        click.echo(json.dumps({"callbacks": rows}, ensure_ascii=False))
        return
    for row in rows:
        who = row["number"] or f"contact {row['contact']}"
        click.echo(
            f"{row['id']:>6}  {row['state']:<5}  {who:<16}  {row['owner'] or 'pool':<30}  "
            f"due {row['due_at']}  missed {row['misses']}, tried {row['tries']}"
        )
    if not rows:
        click.echo("Nobody is to be called back.")


def _row(row: CallBack) -> dict[str, object]:
    holder = row.holder
    return {
        "id": row.id,
        "contact": row.contact_id,
        "number": row.number,
        "owner": holder.email if holder else None,
        "state": row.state,
        "tries": row.tries,
        "misses": row.misses,
        "due_at": row.due_at.isoformat(),
        "closed_by_call": row.closed_by_call_id,
    }
