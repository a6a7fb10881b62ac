"""What can be heard in the sample office: the simulator's phrases, said in another order.

An MP3 is a row of frames, so that phrases are cut and joined without encoding anything.
"""

import random
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from crm_app.recordings import audio
from crm_app.recordings.audio import Sound
from crm_app.recordings.source import Phrase
from crm_app.simulator import sounds

# Lengths in seconds; several calls have the same one, so that an office is made in seconds.
LENGTHS = (14, 19, 24, 31, 37, 44, 52, 61, 73, 88, 104)
_FRAME_SECONDS = 0.036
_ID3_HEAD = 10
# The bitrates of MPEG 2, layer III, in bits a second, by their number; the sound has 16,000 Hz.
_BITRATES = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_RATE, _FRAME_BYTES_OF_A_KILOBIT = 16_000, 72_000
_OURS, _THEIRS = 1, 2


@dataclass(frozen=True, slots=True)
class _Piece:
    """Something that somebody says: the voice, the words, the frames of the sound."""

    voice: int
    words: str
    frames: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Conversation:
    """A sound file, what is in it, and what is said when."""

    content: bytes
    sound: Sound
    phrases: tuple[Phrase, ...]

    @property
    def seconds(self) -> int:
        """Return how long it is, as the PBX counts: in whole seconds."""
        return round(self.sound.seconds)


@cache
def conversations() -> tuple[Conversation, ...]:
    """Make the conversations, the same ones each time."""
    dice = random.Random(11)  # noqa: S311 (nothing secret)
    pieces = _pieces()
    return tuple(_conversation(seconds, pieces, dice) for seconds in LENGTHS)


def _conversation(seconds: int, pieces: list[_Piece], dice: random.Random) -> Conversation:
    greeting, *rest = pieces
    frames, said = list(greeting.frames), [greeting]
    times = [(0.0, len(frames) * _FRAME_SECONDS)]
    while len(frames) * _FRAME_SECONDS < seconds:
        voice = _THEIRS if said[-1].voice == _OURS else _OURS
        following = dice.choice([one for one in rest if one.voice == voice])
        begins = len(frames) * _FRAME_SECONDS
        frames += following.frames
        said.append(following)
        times.append((begins, len(frames) * _FRAME_SECONDS))
    content = b"".join(frames)
    spoken = tuple(
        Phrase(round(begins, 2), round(ends, 2), one.words, one.voice)
        for one, (begins, ends) in zip(said, times, strict=True)
    )
    return Conversation(content, _examined(content), spoken)


def _examined(content: bytes) -> Sound:
    with tempfile.TemporaryDirectory(prefix="ramal-") as folder:
        path = Path(folder) / "conversation.mp3"
        path.write_bytes(content)
        return audio.examine(path)


def _pieces() -> list[_Piece]:
    frames = _frames(sounds.sound())
    begin = [round(at / _FRAME_SECONDS) for _voice, at, _words in sounds.CONVERSATION]
    ends = [*begin[1:], len(frames)]
    return [
        _Piece(voice, words, tuple(frames[first:end]))
        for (voice, _at, words), first, end in zip(sounds.CONVERSATION, begin, ends, strict=True)
    ]


def _frames(content: bytes) -> list[bytes]:
    """Cut an MP3 into its frames; the tag before them is left out."""
    place = 0
    if content.startswith(b"ID3"):
        size = content[6:_ID3_HEAD]
        place = _ID3_HEAD + (size[0] << 21 | size[1] << 14 | size[2] << 7 | size[3])
    frames = []
    while place + 4 <= len(content) and content[place] == 0xFF:
        bitrate, padding = _BITRATES[content[place + 2] >> 4], content[place + 2] >> 1 & 1
        length = _FRAME_BYTES_OF_A_KILOBIT * bitrate // _RATE + padding
        frames.append(content[place : place + length])
        place += length
    # The first one says how long the whole file was, and holds no sound.
    return [one for one in frames if b"Xing" not in one[:40] and b"Info" not in one[:40]]
