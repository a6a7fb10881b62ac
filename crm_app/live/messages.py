"""What travels over the bus: numbered messages on one channel for each user, kept for a while."""

import hashlib
import re
from collections.abc import Iterable
from typing import cast

import redis
from redis.exceptions import NoScriptError

PREFIX = "ramal:live:"
KEPT_MESSAGES = 200
KEPT_SECONDS = 3600
GOODBYE = b"bye"
# No user's id: the channel of all who may see every call. What it says they look at in lists.
OFFICE = 0
# What those hear of it who may not know of which call, client or colleague: look again.
HINT = '{"board":null}'

# Storing and publishing are one step, so that the number a browser sends back as Last-Event-ID is
# the one under which the message is stored. One round trip serves all users of a message.
_PUBLISH = """
for _, channel in ipairs(KEYS) do
  local id = redis.call('XADD', channel, 'MAXLEN', '~', ARGV[2], '*', 'm', ARGV[1])
  redis.call('EXPIRE', channel, ARGV[3])
  redis.call('PUBLISH', channel, id .. ' ' .. ARGV[1])
end
return #KEYS
"""
_PUBLISH_SHA = hashlib.sha1(_PUBLISH.encode(), usedforsecurity=False).hexdigest()
_ID = re.compile(r"(\d{1,19})-(\d{1,19})")

MessageId = tuple[int, int]


def channel_of(user_id: int) -> str:
    """Name the channel that carries one user's messages."""
    return f"{PREFIX}{user_id}"


def parse_id(text: str) -> MessageId | None:
    """Read a message's number as `milliseconds-sequence`; None when it is not one of ours."""
    match = _ID.fullmatch(text)
    return (int(match[1]), int(match[2])) if match else None


def publish(client: redis.Redis, channels: Iterable[str], text: str) -> None:
    """Keep a text on each channel and send it to its listeners.

    Raises redis.exceptions.RedisError when the bus cannot be reached.
    """
    keys = list(channels)
    if not keys:
        return
    values = [*keys, text, str(KEPT_MESSAGES), str(KEPT_SECONDS)]
    try:
        client.evalsha(_PUBLISH_SHA, len(keys), *values)
    except NoScriptError:
        client.eval(_PUBLISH, len(keys), *values)


def latest(client: redis.Redis, channel: str, since_ms: int) -> list[tuple[str, str]]:
    """List the newest kept message of a channel, as (number, text), unless it is older.

    Raises redis.exceptions.RedisError when the bus cannot be reached.
    """
    rows = cast(
        "list[tuple[bytes, dict[bytes, bytes]]]",
        client.xrevrange(channel, max="+", min=str(since_ms), count=1),
    )
    return [(number.decode(), fields[b"m"].decode()) for number, fields in rows]


def missed(client: redis.Redis, channel: str, since: MessageId) -> list[tuple[str, str]]:
    """List the kept messages after a number as (number, text), the oldest first.

    Raises redis.exceptions.RedisError when the bus cannot be reached.
    """
    rows = cast(
        "list[tuple[bytes, dict[bytes, bytes]]]",
        client.xrange(channel, min=f"({since[0]}-{since[1]}", max="+"),
    )
    return [(number.decode(), fields[b"m"].decode()) for number, fields in rows]
