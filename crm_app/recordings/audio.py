"""What is in a sound file: its kind, its length, and the peaks of its waveform."""

from dataclasses import dataclass
from pathlib import Path

import miniaudio

from crm_app.recordings.source import Reason, SourceError

MOST_PEAKS = 1_000
# Speech needs no more for a picture, and a long file takes a third of the time.
_RATE = 8_000
# Less than this nobody can have said anything: it is a header, or a click.
SHORTEST_SECONDS = 0.1
_LOUDEST = 32_768
MEDIA_TYPES = {
    ".mp3": "audio/mpeg",
    ".wav": "audio/wav",
    ".ogg": "audio/ogg",
    ".flac": "audio/flac",
}


@dataclass(frozen=True, slots=True)
class Sound:
    """What was found in a file: its length in seconds, and at most MOST_PEAKS peaks of 0 to 255."""

    ending: str
    seconds: float
    peaks: bytes
    is_stereo: bool

    @property
    def media_type(self) -> str:
        """What a browser calls its kind."""
        return MEDIA_TYPES[self.ending]


def kind_of(first_bytes: bytes) -> str:
    """Return the ending of a name for what begins with these bytes, "" if it is no sound we know.

    A page, a JSON body and a text begin otherwise, whatever they are said to be.
    """
    if first_bytes[:4] == b"RIFF" and first_bytes[8:12] == b"WAVE":
        return ".wav"
    if first_bytes[:4] == b"OggS":
        return ".ogg"
    if first_bytes[:4] == b"fLaC":
        return ".flac"
    is_frame = len(first_bytes) > 1 and first_bytes[0] == 0xFF and first_bytes[1] & 0xE0 == 0xE0
    return ".mp3" if is_frame or first_bytes[:3] == b"ID3" else ""


def examine(path: Path) -> Sound:
    """Decode a file that has the ending of its kind; the length is that of the decoded sound.

    Raises SourceError (not_audio, empty).
    """
    try:
        info = miniaudio.get_file_info(str(path))
        if info.duration < SHORTEST_SECONDS:
            raise SourceError(Reason.EMPTY)
        each = max(1, -(-int(info.duration * _RATE) // MOST_PEAKS))
        peaks, frames = _peaks(path, each)
    except miniaudio.MiniaudioError:
        raise SourceError(Reason.NOT_AUDIO) from None
    seconds = frames / _RATE
    if seconds < SHORTEST_SECONDS:
        raise SourceError(Reason.EMPTY)
    return Sound(path.suffix, round(seconds, 3), bytes(peaks[:MOST_PEAKS]), info.nchannels > 1)


def _peaks(path: Path, each: int) -> tuple[list[int], int]:
    """Read the loudest of every `each` samples, and count all samples."""
    peaks, frames = [], 0
    for samples in miniaudio.stream_file(
        str(path),
        output_format=miniaudio.SampleFormat.SIGNED16,
        nchannels=1,
        sample_rate=_RATE,
        frames_to_read=each,
    ):
        if len(samples):
            frames += len(samples)
            peaks.append(min(255, max(max(samples), -min(samples)) * 256 // _LOUDEST))
    return peaks, frames
