"""Where recordings come from, as this package asks for it; the telephony gives one."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import BinaryIO, Protocol

from crm_app.errors import RamalError


class Reason(StrEnum):
    """Why there is no sound, or not yet."""

    NOT_THERE = "not_there"
    GONE = "gone"
    WRONG_ID = "wrong_id"
    REFUSED = "refused"
    BAD_LINK = "bad_link"
    NOT_AUDIO = "not_audio"
    EMPTY = "empty"
    TOO_LARGE = "too_large"
    DISK_FULL = "disk_full"
    STORE = "store"
    BUSY = "busy"
    UNREACHABLE = "unreachable"
    NOT_CONNECTED = "not_connected"
    SWITCHED_OFF = "switched_off"


# The PBX's own id: seconds, a dot and a number, or the name of the file; others come from other
# lists, and no request knows them.
_PBX_ID = re.compile(r"\d{9,11}\.\d+|.+\.(mp3|wav|ogg|flac)")


class SourceError(RamalError):
    """A recording could not be had; `retry_after` is in seconds, where somebody said so.

    `was_asked` is False when the question was not even sent: so it is with all others now.
    """

    def __init__(
        self, reason: Reason, retry_after: float | None = None, *, was_asked: bool = True
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry_after = retry_after
        self.was_asked = was_asked


@dataclass(frozen=True, slots=True)
class Phrase:
    """What was said from one moment of a recording to another, in seconds; `channel` from 1."""

    start: float
    end: float
    text: str
    channel: int = 0


@dataclass(frozen=True, slots=True)
class Speech:
    """What the PBX recognised in a recording, or how far it is.

    `state` is ready, pending, failed, not_started (it would cost money) or none.
    """

    state: str
    language: str = ""
    phrases: Sequence[Phrase] = ()


class Source(Protocol):
    """What a PBX can be asked about recordings; all of it uses the network, raises SourceError."""

    def link(self, recording_id: str) -> str:
        """Return where one recording can be fetched now."""

    def links_of(self, pbx_call_id: str) -> Sequence[tuple[str, str]]:
        """Return the recordings of a call as ids and links; an id is "" where no link names it."""

    def download(self, link: str, to: BinaryIO, most_bytes: int) -> None:
        """Copy what is behind a link."""

    def delete(self, recording_id: str) -> None:
        """Delete a recording in the PBX; raises SourceError (not_there) when it has none."""

    def speech(self, recording_id: str) -> Speech:
        """Return what was recognised, without starting a recognition."""


def is_pbx_id(name: str) -> bool:
    """Whether the PBX gives and deletes a recording by this id."""
    return _PBX_ID.fullmatch(name) is not None


def links_beside(source: Source, pbx_call_id: str, taken: set[str]) -> list[tuple[str, str]]:
    """Ask for the recordings of a call beside those that are taken, as ids and links.

    Raises SourceError (not_there) when there is none, or none yet.
    """
    free = [(name, link) for name, link in source.links_of(pbx_call_id) if name not in taken]
    if not free:
        raise SourceError(Reason.NOT_THERE)
    return free
