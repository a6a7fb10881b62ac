"""While the event bus is dead every notification is stored, and what follows is made once."""

from datetime import timedelta

from flask import Flask
from sqlalchemy import func, select

from crm_app import clock
from crm_app.callbacks.models import CallBack
from crm_app.calls.models import Call
from crm_app.extensions import db
from crm_app.live import bus
from crm_app.live.screen_updates import screen_updates
from crm_app.telephony.models import TelephonySettings
from tests.live.conftest import own_bus
from tests.owed import perform
from tests.own_bus import OwnBus
from tests.telephony.conftest import Post, start_fields

__all__ = ["own_bus"]
STRANGERS = 5


def miss(post: Post, number: int) -> list[int]:
    """Let a stranger ring and give up; gives the statuses of our answers."""
    call = start_fields(pbx_call_id=f"in_{number}", caller_id=f"+35191000004{number}")
    end = {"event": "NOTIFY_END", "duration": "0", "disposition": "no answer", "status_code": "19"}
    return [post(call).status_code, post({**call, **end}).status_code]


def test_notifications_are_stored_and_followed_up_once(
    connected: Flask, post: Post, own_bus: OwnBus
) -> None:
    TelephonySettings.for_change().connected_at = clock.now() - timedelta(hours=1)
    db.session.commit()
    assert bus.is_alive()
    own_bus.stop()
    statuses = [status for number in range(STRANGERS) for status in miss(post, number)]
    assert statuses == [200] * 2 * STRANGERS
    assert db.session.scalar(select(func.count(Call.id))) == STRANGERS
    perform("call_back")
    numbers = db.session.scalars(select(CallBack.number)).all()
    db.session.commit()
    own_bus.start()
    assert bus.is_alive()
    perform("call_back")
    assert miss(post, STRANGERS) == [200, 200]
    perform("call_back")
    assert len(set(numbers)) == len(numbers) == STRANGERS
    assert db.session.scalar(select(func.count(CallBack.id))) == STRANGERS + 1
    assert set(db.session.scalars(select(CallBack.misses))) == {1}
    db.session.commit()
    assert screen_updates.wait_until_sent(60)
