"""What other features do with live messages: send them to users, end users' streams."""

import json
from collections.abc import Iterable, Mapping

import structlog
from redis.exceptions import RedisError

from crm_app.live import bus
from crm_app.live.messages import GOODBYE, channel_of, publish

log = structlog.get_logger(__name__)


class _State:
    is_failing: bool = False


def tell(user_ids: Iterable[int], message: Mapping[str, int | None]) -> None:
    """Send a small message of ids, such as {"call": 42}, to every open page of these users.

    Call it after the commit: the pages ask for the new state at once. A bus that is down is logged
    once and never raised, because a page that reconnects asks for its state anyway.
    """
    tell_all([(user_ids, message)])


def tell_all(messages: Iterable[tuple[Iterable[int], Mapping[str, int | None]]]) -> None:
    """Send several messages in their order, as `tell` sends one, in one step."""
    letters = [
        (channel_of(user_id), text)
        for user_ids, message in messages
        for text in [json.dumps(message, separators=(",", ":"))]
        for user_id in sorted(set(user_ids))
    ]
    if not letters:
        return
    try:
        publish(bus.client(), letters)
    except (RedisError, OSError) as error:
        _note_failure(error)
    else:
        _note_success()


def close(user_id: int) -> None:
    """End every stream of a user who may not listen any more, in all processes."""
    close_channel(channel_of(user_id))


def close_channel(channel: str) -> None:
    """End every stream that a channel belongs to, in all processes."""
    try:
        bus.client().publish(channel, GOODBYE)
    except (RedisError, OSError) as error:
        _note_failure(error)


def _note_failure(error: Exception) -> None:
    if not _State.is_failing:
        log.error("live_messages_do_not_leave", error=type(error).__name__)
    _State.is_failing = True


def _note_success() -> None:
    if _State.is_failing:
        log.info("live_messages_leave_again")
    _State.is_failing = False
