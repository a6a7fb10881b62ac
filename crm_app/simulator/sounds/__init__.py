"""The sound files of the played PBX: when each is ready, and what comes instead of a sound."""

import io
import math
import struct
import threading
import wave
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from importlib.resources import files
from typing import Literal

# `stereo` is a sound with our side on one channel; `missing` has a link that leads to nothing.
SoundKind = Literal[
    "sound", "stereo", "never", "missing", "gone", "html", "json", "empty", "rubbish"
]  # fmt: skip
_AFTER = timedelta(seconds=40)


@dataclass(slots=True)
class Plan:
    """What becomes of one recording: its kind, how long after its call it is ready.

    `fails` is how many times a link is refused although it is ready; `is_repeated` says that it is
    announced twice.
    """

    kind: SoundKind = "sound"
    ready_after: timedelta = _AFTER
    fails: int = 0
    is_repeated: bool = False


# What comes instead of a sound: the body and its type.
_BODIES: Mapping[str, tuple[bytes, str]] = {
    "html": (b"<!doctype html><title>Maintenance</title>", "text/html"),
    "json": (b'{"status":"error","message":"Internal error"}', "application/json"),
    # The head of a WAV file, and nothing after it.
    "empty": (
        b"RIFF$\0\0\0WAVEfmt \x10\0\0\0\1\0\1\0@\x1f\0\0\x80>\0\0\2\0\x10\0data\0\0\0\0",
        "audio/wav",
    ),
    "rubbish": (b"\xff\xfb" + b"no sound at all " * 200, "audio/mpeg"),
}


class Sounds:
    """The plans of the recordings, and how often each was fetched; thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._plans: dict[str, Plan] = {}
        self.usual = Plan(ready_after=timedelta())
        self.fetched: Counter[str] = Counter()
        self.deleted: set[str] = set()
        self.speech = "recognized"
        # Once the next recording is made, it gets this plan.
        self.next: Plan | None = None

    def plan(self, recording_id: str, plan: Plan) -> None:
        """Say what becomes of one recording."""
        with self._lock:
            self._plans[recording_id] = plan

    def note(self, recording_id: str) -> None:
        """Give a recording that has just been made the plan of the next one."""
        with self._lock:
            if recording_id and self.next is not None and recording_id not in self._plans:
                self._plans[recording_id], self.next = self.next, None

    def is_repeated(self, recording_id: str) -> bool:
        """Whether a recording is announced twice."""
        with self._lock:
            return self._plans.get(recording_id, self.usual).is_repeated

    def has_link(self, recording_id: str, made_at: datetime, at: datetime) -> bool:
        """Whether the API gives a link to a recording, which counts its failures."""
        with self._lock:
            plan = self._plans.get(recording_id, self.usual)
            if recording_id in self.deleted or plan.kind == "never":
                return False
            if plan.ready_after and at < made_at + plan.ready_after:
                return False
            if plan.fails:
                plan.fails -= 1
                return False
            return True

    def body(self, recording_id: str) -> tuple[bytes, str, int]:
        """Return what a link leads to: bytes, type and status."""
        with self._lock:
            kind = self._plans.get(recording_id, self.usual).kind
            is_gone = recording_id in self.deleted or kind == "missing"
            self.fetched[recording_id] += not is_gone
        if is_gone or kind == "gone":
            return b"", "text/plain", 410 if kind == "gone" else 404
        if kind == "stereo":
            return stereo_sound(), "audio/wav", 200
        return (*_BODIES.get(kind, (sound(), "audio/mpeg")), 200)

    def delete(self, recording_id: str) -> None:
        """Delete a recording."""
        with self._lock:
            self.deleted.add(recording_id)


@cache
def sound() -> bytes:
    """Read the one conversation that all recordings hold, as MP3."""
    return files(__package__).joinpath("recording.mp3").read_bytes()


@cache
def stereo_sound() -> bytes:
    """Make two voices of six seconds, one on each channel, that speak in turn."""
    rate, seconds = 8_000, 6
    frames = bytearray()
    for place in range(rate * seconds):
        turn = place // rate % 2
        tone = int(9_000 * math.sin(place * 2 * math.pi * (220 + 110 * turn) / rate))
        frames += struct.pack("<hh", *((tone, 0) if turn == 0 else (0, tone)))
    file = io.BytesIO()
    with wave.open(file, "wb") as written:
        written.setnchannels(2)
        written.setsampwidth(2)
        written.setframerate(rate)
        written.writeframes(bytes(frames))
    return file.getvalue()


# What is said in the conversation: channel, the moment it begins, the words.
CONVERSATION = (
    (1, 0.4, "good morning you are through to the office"),
    (2, 3.2, "good morning i am calling about the delivery on thursday"),
    (1, 7.6, "of course one moment i have it here"),
    (2, 10.4, "could it come before noon"),
    (1, 12.8, "yes between ten and eleven"),
)
_WORD_SECONDS = 0.3


def recognised() -> dict[str, object]:
    """Return the conversation as the API's speech recognition writes it."""
    words, phrases = [], []
    for channel, begins, text in CONVERSATION:
        spoken = [
            {
                "s": round(begins + place * _WORD_SECONDS, 2),
                "e": round(begins + (place + 1) * _WORD_SECONDS, 2),
                "w": word,
            }
            for place, word in enumerate(text.split())
        ]
        words.append({"result": spoken, "channel": channel})
        phrases.append({"result": text, "channel": channel})
    # They come channel by channel, not in the order in which they were said.
    return {"words": sorted(words, key=lambda one: str(one["channel"])), "phrases": phrases}
