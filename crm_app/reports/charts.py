"""The places of bars in a drawing, as plain numbers: templates write them into SVG."""

from collections.abc import Sequence
from dataclasses import dataclass

from crm_app.reports.figures import Bar

WIDTH, HEIGHT = 720, 180
LEFT, BOTTOM, TOP = 34, 22, 8
_NICE = (1, 2, 5)
_MOST_LABELS = 10


@dataclass(frozen=True, slots=True)
class Block:
    """One rectangle; `what` is the measure that it stands for."""

    what: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Chart:
    """Bars with a scale: blocks, lines of the scale (place, number), labels (place, bar)."""

    blocks: list[Block]
    scale: list[tuple[float, int]]
    labels: list[tuple[float, Bar]]


def chart(bars: Sequence[Bar]) -> Chart:
    """Draw for each bar its answered and missed calls on each other, and beside them the placed."""
    most = max([bar.count.answered + bar.count.missed for bar in bars], default=0)
    most = max([most, *(bar.count.outgoing for bar in bars)])
    step = _step(most)
    top = max(step * -(-most // step), step)
    room, floor = HEIGHT - BOTTOM - TOP, HEIGHT - BOTTOM
    place = (WIDTH - LEFT) / max(len(bars), 1)
    blocks, labels = [], []
    every = -(-len(bars) // _MOST_LABELS)
    for number, bar in enumerate(bars):
        x, width = LEFT + number * place + place * 0.12, place * 0.38
        answered = room * bar.count.answered / top
        missed, outgoing = room * bar.count.missed / top, room * bar.count.outgoing / top
        blocks += [
            _block("answered", x, floor - answered, width, answered),
            _block("missed", x, floor - answered - missed, width, missed),
            _block("outgoing", x + width, floor - outgoing, width, outgoing),
        ]
        if number % every == 0:
            labels.append((round(LEFT + (number + 0.5) * place, 1), bar))
    scale = [(round(floor - room * value / top, 1), value) for value in range(0, top + 1, step)]
    return Chart([block for block in blocks if block.height], scale, labels)


def _block(what: str, x: float, y: float, width: float, height: float) -> Block:
    return Block(what, round(x, 1), round(y, 1), round(width, 1), round(height, 1))


def _step(most: int) -> int:
    """Return the distance of the scale's lines: 1, 2 or 5 times a power of ten, at most five."""
    power = 1
    while True:
        for nice in _NICE:
            if nice * power * 5 >= most:
                return nice * power
        power *= 10
