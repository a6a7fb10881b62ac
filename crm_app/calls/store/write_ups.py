"""What waits to be written up: noted when a talk is over, in the transaction of the fact."""

from collections.abc import Mapping
from datetime import timedelta

from sqlalchemy.engine import Connection

from crm_app import clock
from crm_app.calls.fold.lifecycle import CallState
from crm_app.calls.fold.write_ups import Talk, talks_over
from crm_app.calls.store import hot_sql as sql

# Of a talk that we hear of later than that nobody knows any more what to write.
HEARD_WITHIN = timedelta(days=1)


def note(
    connection: Connection,
    call_id: int,
    before: CallState | None,
    after: CallState,
    users: Mapping[str, int | None],
) -> None:
    """Let a call wait for those whose talk is over; nothing is done for all other facts."""
    over = talks_over(after)
    old = talks_over(before)
    if over == old:
        return
    now = clock.now()
    theirs, were = _by_user(over, users), _by_user(old, users)
    waits = [
        {
            "call_id": call_id,
            "user_id": user_id,
            "began_at": sql.moment(connection, talk.began_at),
            "waits_since": sql.moment(connection, talk.ended_at),
            "now": sql.moment(connection, now),
        }
        for user_id, talk in theirs.items()
        if talk != were.get(user_id) and now - talk.ended_at <= HEARD_WITHIN
    ]
    if waits:
        sql.run(connection, sql.WAIT_FOR_WRITE_UP, *waits)
    gone = [{"call_id": call_id, "user_id": user} for user in were.keys() - theirs.keys()]
    if gone:
        sql.run(connection, sql.WAIT_NO_MORE, *gone)


def _by_user(talks: Mapping[str, Talk], users: Mapping[str, int | None]) -> dict[int, Talk]:
    found: dict[int, Talk] = {}
    for extension, talk in sorted(talks.items()):
        user_id = users.get(extension)
        known = found.get(user_id) if user_id is not None else None
        if user_id is not None and (known is None or talk.ended_at > known.ended_at):
            found[user_id] = talk
    return found
