"""The moment of the photographs: always the same, so that they change with the code only."""

from datetime import UTC, datetime

# A Tuesday, 10:20 in Lisbon.
MORNING = datetime(2026, 9, 15, 9, 20, tzinfo=UTC)
