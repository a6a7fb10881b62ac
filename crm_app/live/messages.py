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
# the one under which the message is stored. One round trip serves all users of several messages.
_PUBLISH = """
for place, channel in ipairs(KEYS) do
  local text = ARGV[place + 2]
  local id = redis.call('XADD', channel, 'MAXLEN', '~', ARGV[1], '*', 'm', text)
  redis.call('EXPIRE', channel, ARGV[2])
  redis.call('PUBLISH', channel, id .. ' ' .. text)
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


def publish(client: redis.Redis, letters: Iterable[tuple[str, str]]) -> None:
    """Keep each letter's text on its channel and send it to its listeners, in this order.

    A letter is (channel, text). Raises redis.exceptions.RedisError when the bus cannot be reached.
    """
    sent = list(letters)
    if not sent:
        return
    channels, texts = zip(*sent, strict=True)
    values = [*channels, str(KEPT_MESSAGES), str(KEPT_SECONDS), *texts]
    try:
        client.evalsha(_PUBLISH_SHA, len(sent), *values)
    except NoScriptError:
        client.eval(_PUBLISH, len(sent), *values)


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
