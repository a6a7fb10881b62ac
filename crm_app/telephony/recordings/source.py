"""The PBX as a source of recordings: its API's answers and errors in the words of `recordings`."""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import BinaryIO

from flask import current_app
from limits import RateLimitItemPerSecond

from crm_app import database
from crm_app.counting import Counter
from crm_app.extensions import db
from crm_app.recordings.source import Phrase, Reason, SourceError, Speech
from crm_app.telephony.connection import LinkCache, client_for
from crm_app.telephony.zadarma.client import ZadarmaClient
from crm_app.telephony.zadarma.errors import ErrorCode, ZadarmaError

# Seconds to connect, and between two pieces of an answer.
_TIMEOUT = (3.05, 20.0)
# `1-1458313316.343456-100-2016-01-11-100155.mp3` (zadarma: the name of a file in a link).
_ID_IN_NAME = re.compile(r"(?<!\d)(\d{9,11}\.\d+)(?=[-.])")
_REASONS = {
    ErrorCode.NOT_FOUND: Reason.NOT_THERE,
    ErrorCode.RATE_LIMITED: Reason.BUSY,
    ErrorCode.GONE: Reason.GONE,
    ErrorCode.TOO_LONG: Reason.TOO_LARGE,
    ErrorCode.FOREIGN_LINK: Reason.BAD_LINK,
    ErrorCode.UNREACHABLE: Reason.UNREACHABLE,
    ErrorCode.TIMED_OUT: Reason.UNREACHABLE,
}
# By then there is room again for some of those who wait, not for one of them alone.
_BUSY_FOR_S = 20.0
# While the PBX does not answer, one question in ten seconds finds out when it does again: of a
# thousand recordings that are awaited each would ask.
_QUIET, _NAME = RateLimitItemPerSecond(1, 10), "recordings"
_SPEECH_STATES = {
    "recognized": "ready",
    "in progress": "pending",
    "error": "failed",
    "ready for recognize": "not_started",
    "not available for recognize": "none",
}


def _counter() -> Counter:
    found: Counter = current_app.extensions["counter"]
    return found


class ZadarmaSource:
    """Asks the API of the connected account; a client is made for each question."""

    def __init__(self, client: Callable[[], ZadarmaClient | None]) -> None:
        self._client = client

    @contextmanager
    def _asking(
        self, garbage: Reason = Reason.UNREACHABLE, *, is_urgent: bool = False
    ) -> Iterator[ZadarmaClient]:
        client = self._client()
        if client is None:
            raise SourceError(Reason.NOT_CONNECTED)
        if not is_urgent and not _counter().left(_QUIET, _NAME):
            client.close()
            raise SourceError(Reason.UNREACHABLE, _BUSY_FOR_S, was_asked=False)
        try:
            yield client
        except ZadarmaError as error:
            is_garbage = error.code is ErrorCode.UNREADABLE_ANSWER
            reason = garbage if is_garbage else _REASONS.get(error.code, Reason.REFUSED)
            wait = error.retry_after or (_BUSY_FOR_S if reason is Reason.BUSY else None)
            if not error.was_sent:
                raise SourceError(reason, _BUSY_FOR_S, was_asked=False) from None
            if reason in (Reason.UNREACHABLE, Reason.BUSY):
                _counter().wait_for(_QUIET, _NAME)
            raise SourceError(reason, wait) from None
        finally:
            client.close()

    def link(self, recording_id: str) -> str:
        """Return where one recording can be fetched now."""
        with self._asking() as client:
            return client.recording_links(recording_id=recording_id).links[0]

    def links_of(self, pbx_call_id: str) -> Sequence[tuple[str, str]]:
        """Return the recordings of a call as ids and links."""
        with self._asking() as client:
            links = client.recording_links(pbx_call_id=pbx_call_id).links
        return [(_id_in(link), link) for link in links]

    def download(self, link: str, to: BinaryIO, most_bytes: int) -> None:
        """Copy what is behind a link."""
        with self._asking(garbage=Reason.NOT_AUDIO) as client:
            client.download_recording(link, to, most_bytes)

    def delete(self, recording_id: str) -> None:
        """Delete a recording in the PBX."""
        with self._asking(is_urgent=True) as client:
            client.delete_recording(recording_id)

    def speech(self, recording_id: str) -> Speech:
        """Return what was recognised; this never starts a recognition, which costs money."""
        with self._asking() as client:
            found = client.speech(recording_id)
        phrases = [Phrase(one.start, one.end, one.text, one.channel) for one in found.phrases]
        return Speech(_SPEECH_STATES.get(found.status, "failed"), found.language, tuple(phrases))


def _id_in(link: str) -> str:
    found = _ID_IN_NAME.search(link.rpartition("/")[2])
    return found[1] if found else ""


def connected_account() -> ZadarmaSource:
    """Return the source for the account that the running application is connected with."""

    def client() -> ZadarmaClient | None:
        links: LinkCache = current_app.extensions["telephony_links"]
        with database.reading():
            link = links.read()
            db.session.rollback()
        settings, counter = current_app.extensions["settings"], current_app.extensions["counter"]
        return client_for(link, settings, counter, _TIMEOUT, is_background=True)

    return ZadarmaSource(client)
