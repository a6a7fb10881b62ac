"""The test call of the set-up: the PBX rings the administrator, and its notifications are ticked.

Any call of theirs counts, so that somebody may also call the office's number by a mobile phone.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select

from crm_app import clock
from crm_app.calls.fold.facts import FactKind
from crm_app.calls.models import Call, CallFact
from crm_app.extensions import db
from crm_app.telephony.dialling.models import DialRequest, DialState

# The PBX's service that says back what it hears. From the maker's help pages.
ECHO_TEST = "4444"
# A test of this morning says nothing about what was set since.
SHOWN_FOR = timedelta(minutes=30)

STEPS: dict[str, frozenset[FactKind]] = {
    "start": frozenset({FactKind.STARTED, FactKind.RANG, FactKind.OUTGOING_STARTED}),
    "answer": frozenset({FactKind.ANSWERED}),
    "end": frozenset({FactKind.ENDED, FactKind.OUTGOING_ENDED}),
    "recording": frozenset({FactKind.RECORDED}),
}


@dataclass(frozen=True, slots=True)
class TestCall:
    """The last test of a user: the dial request, and which notifications have arrived since."""

    dial: DialRequest
    arrived: frozenset[str]

    @property
    def is_complete(self) -> bool:
        """Whether every notification of a recorded call has arrived."""
        return self.arrived == STEPS.keys()

    @property
    def has_failed(self) -> bool:
        """Whether the PBX did not ring."""
        return self.dial.state == DialState.FAILED and not self.arrived


def last_of(user_id: int, number: str = ECHO_TEST) -> TestCall | None:
    """Find the last test call of a user; None when it is long ago."""
    dial = db.session.scalars(
        select(DialRequest)
        .where(DialRequest.user_id == user_id, DialRequest.number == number)
        .order_by(DialRequest.created_at.desc(), DialRequest.id.desc())
        .limit(1)
    ).first()
    if dial is None or dial.created_at < clock.now() - SHOWN_FOR:
        return None
    return TestCall(dial, _arrived(user_id, dial.created_at))


def _arrived(user_id: int, since: datetime) -> frozenset[str]:
    calls = select(Call.pbx_call_id).where(Call.started_at >= since, Call.has_part(user_id))
    kinds = db.session.scalars(
        select(CallFact.kind).where(CallFact.pbx_call_id.in_(calls)).distinct()
    ).all()
    return frozenset(step for step, wanted in STEPS.items() if wanted.intersection(kinds))
