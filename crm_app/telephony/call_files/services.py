"""Keeping an uploaded list of calls, saying what would become of it, and taking it in, in steps.

Nothing here commits: each step of the job is one transaction, short enough for calls that come in.
"""

import json
import zlib
from collections.abc import Sequence
from dataclasses import astuple, fields
from datetime import timedelta
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import joinedload

from crm_app import clock
from crm_app.accounts.models import Role, User
from crm_app.extensions import db
from crm_app.jobs import services as jobs
from crm_app.jobs.runner import NextStep, Payload
from crm_app.live.screen_updates import after_commit
from crm_app.telephony.call_files import reading
from crm_app.telephony.call_files.models import NAME_LENGTH, CallFile, CallFilePiece
from crm_app.telephony.call_files.reading import Counts, Record, Refusal
from crm_app.telephony.reconciliation import asking, nightly
from crm_app.telephony.reconciliation.reading import CALLS_AT_ONCE
from crm_app.telephony.reconciliation.taking import HISTORY
from crm_app.telephony.zadarma.replies import StatisticsLeg

JOB = "take_call_file"
CHECKING, CHECKED, RUNNING, DONE = "checking", "checked", "running", "done"
# What nobody has taken in for so long nobody will.
FORGOTTEN_AFTER = timedelta(days=7)
SHOWN = 20
# Refused for what stands in the record itself, whatever the log has.
_UNREADABLE = {"id_missing", "id_too_long", "date_unreadable"}
_LEG = tuple(one.name for one in fields(StatisticsLeg))
# Each step tells the pages that are open; of many that follow each other some suffice.
_TOLD_EVERY = 10


def keep(name: str, content: bytes, by: User) -> CallFile:
    """Keep a file, and let a job find out what would become of it.

    Raises UnreadableFileError.
    """
    counts = Counts()
    calls = reading.read(content, asking.source(HISTORY), counts)
    _forget_old()
    pieces = [calls[at : at + CALLS_AT_ONCE] for at in range(0, len(calls), CALLS_AT_ONCE)]
    made = CallFile(
        name=name[:NAME_LENGTH], state=CHECKING, rows=counts.rows, pieces=len(pieces),
        refusals=_pairs(counts.refusals), created_by_id=by.id,
    )  # fmt: skip
    db.session.add(made)
    db.session.flush()
    db.session.add_all(
        CallFilePiece(file_id=made.id, position=place, content=_packed(piece))
        for place, piece in enumerate(pieces)
    )
    _enqueue(made)
    return made


def take_in(file_id: int) -> None:
    """Let a job take in a file that is checked; what was begun goes on."""
    row = CallFile.held(file_id)
    if row is None or row.state != CHECKED:
        return
    row.state, row.position = RUNNING, 0
    row.new = row.completed = row.same = 0
    row.refusals = [one for one in row.refusals if one[1] in _UNREADABLE]
    _enqueue(row)


def discard(file_id: int) -> bool:
    """Forget a file of which nothing is taken in yet; False when that has begun."""
    row = CallFile.held(file_id)
    if row is None or row.state not in (CHECKING, CHECKED):
        return False
    _forget_pieces(row.id)
    db.session.delete(row)
    return True


def recent() -> Sequence[CallFile]:
    """List the newest files."""
    newest = select(CallFile).options(joinedload(CallFile.created_by))
    return db.session.scalars(newest.order_by(CallFile.id.desc()).limit(SHOWN)).all()


def perform(payload: Payload) -> NextStep | None:
    """Check some calls of a file, or take them in; None when all are."""
    row = CallFile.held(int(payload["file"]))
    if row is None or row.state not in (CHECKING, RUNNING):
        return None
    piece = db.session.get(CallFilePiece, (row.id, row.position))
    if piece is not None:
        _do(row, _unpacked(piece.content))
        row.position += 1
    if row.position < row.pieces:
        if row.position % _TOLD_EVERY == 0:
            _announce()
        return NextStep(payload, nightly.RESTS_FOR)
    _announce()
    if row.state == CHECKING:
        row.state = CHECKED
        return None
    row.state, row.finished_at = DONE, clock.now()
    _forget_pieces(row.id)
    return None


def _do(row: CallFile, calls: Sequence[Sequence[Record]]) -> None:
    counts = Counts()
    is_rehearsal = row.state == CHECKING
    reading.take(calls, asking.source(HISTORY), counts, is_rehearsal=is_rehearsal)
    row.new += counts.new
    row.completed += counts.completed
    row.same += counts.same
    if counts.refusals:
        row.refusals = sorted([*row.refusals, *_pairs(counts.refusals)])


def _enqueue(row: CallFile) -> None:
    jobs.enqueue(db.session, JOB, {"file": row.id}, key=f"{JOB}:{row.id}:{row.state}")


def _forget_old() -> None:
    old = select(CallFile.id).where(
        CallFile.state == CHECKED, CallFile.created_at < clock.now() - FORGOTTEN_AFTER
    )
    for file_id in db.session.scalars(old).all():
        discard(file_id)


def _forget_pieces(file_id: int) -> None:
    db.session.execute(delete(CallFilePiece).where(CallFilePiece.file_id == file_id))


def _announce() -> None:
    administrators = select(User.id).where(User.active, User.role == Role.ADMIN)
    after_commit(db.session.scalars(administrators).all(), {"history": 1})


def _pairs(refusals: Sequence[Refusal]) -> list[list[Any]]:
    return [[one.row, one.reason] for one in refusals]


def _packed(calls: Sequence[Sequence[Record]]) -> bytes:
    rows = [[[record.row, *astuple(record.leg)] for record in call] for call in calls]
    return zlib.compress(json.dumps(rows).encode())


def _unpacked(content: bytes) -> list[list[Record]]:
    def record(row: int, *values: Any) -> Record:
        return Record(row, StatisticsLeg(**dict(zip(_LEG, values, strict=True))))

    return [[record(*values) for values in call] for call in json.loads(zlib.decompress(content))]
