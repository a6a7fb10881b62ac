"""The only place that asks what time it is, so that tests can freeze it."""

from datetime import UTC, date, datetime


def now() -> datetime:
    """Return the present moment, aware, in UTC."""
    return datetime.now(tz=UTC)  # noqa: TID251 (this is the one allowed place)


def today() -> date:
    """Return the present day in UTC."""
    return now().date()
