"""The kinds of record that the journal and notes know, as they are stored in `record_type`."""

from enum import StrEnum


class RecordKind(StrEnum):
    """What a journal entry or a note is about; a new noun is one name here."""

    CONTACT = "contact"
    LEAD = "lead"
    TASK = "task"
    CALL = "call"
    WRITE_UP = "write_up"
    USER = "user"
    # There is one of each of these; its id is ONLY.
    OFFICE = "office"
    PIPELINE = "pipeline"
    OUTCOMES = "outcomes"
    TELEPHONY = "telephony"


ONLY = 1
