"""What keeps the log true while nobody waits: closing silent calls, recomputing all of them."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session, scoped_session

from crm_app.calls import ledger
from crm_app.calls import statements as sql
from crm_app.calls.facts import CallPhase, Fact, FactKind
from crm_app.calls.ledger import Recorded

AnySession = Session | scoped_session[Any]

RINGS_AT_MOST = timedelta(minutes=3)
TALKS_AT_MOST = timedelta(hours=4)
_BATCH = 200


def sweep(session: AnySession, now: datetime) -> list[Recorded]:
    """Close the calls of which nothing was heard for too long; the caller commits, then tells.

    A call that rings is given three minutes, one in which somebody talks four hours. An end that
    the PBX tells later still wins.
    """
    swept = []
    for row in session.execute(sql.SILENT_CALLS).all():
        patience = RINGS_AT_MOST if row.phase == CallPhase.RINGING else TALKS_AT_MOST
        if now - row.heard_at < patience:
            continue
        # Naming the silence makes two sweepers at once write one fact, and a later silence another.
        silence = f"silent since {row.heard_at.isoformat()}"
        fact = Fact(FactKind.SWEPT, row.pbx_call_id, now, disposition_raw=silence)
        swept.append(ledger.record(session.connection(), fact, ""))
    return swept


def rebuild(session: AnySession) -> int:
    """Recompute every call from its facts, committing as it goes, and give their number.

    Calls keep their ids, and what people chose by hand: the contact, the lead, wrap-ups. Calls
    that no fact speaks of are dropped.
    """
    count, after = 0, ""
    while True:
        ids = session.execute(sql.NEXT_CALL_IDS, {"after": after, "size": _BATCH}).scalars().all()
        for pbx_call_id in ids:
            ledger.refold(session.connection(), pbx_call_id)
        session.commit()
        if not ids:
            break
        count, after = count + len(ids), ids[-1]
    session.execute(sql.FORGET_CALLS_WITHOUT_FACTS)
    session.commit()
    return count
