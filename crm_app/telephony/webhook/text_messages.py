"""Incoming text messages, stored before the PBX gets its answer."""

import hashlib
from datetime import datetime

from sqlalchemy import Connection

from crm_app import database
from crm_app.jobs import services as jobs
from crm_app.telephony.models import TextMessage
from crm_app.telephony.webhook.event_facts import side_of
from crm_app.telephony.zadarma.events import MessageReceived

MAX_RAW_LENGTH = 16_384
MESSAGE_CAME = "message_came"
_PARTY_LENGTH = 40


def store(
    connection: Connection,
    event: MessageReceived,
    received_at: datetime,
    raw: str,
    default_country: str,
    *,
    is_wanted: bool = False,
) -> None:
    """Store a message once, however often this notification is processed; the caller commits.

    The PBX gives a message neither an id nor a time, so one that it posts twice is stored twice;
    whether it is a second one is decided when it is shown. That is owed if it `is_wanted`.
    """
    digest = hashlib.sha256(f"{received_at.isoformat()} {raw}".encode()).hexdigest()
    sender = side_of(event.sender, default_country)
    database.add_missing(
        connection,
        TextMessage,
        digest=digest,
        received_at=received_at,
        # Companies send under a name.
        sender=(sender.number or sender.name or event.sender)[:_PARTY_LENGTH],
        line=side_of(event.did, default_country).number[:_PARTY_LENGTH],
        text=event.text,
        raw=raw[:MAX_RAW_LENGTH],
    )
    if is_wanted:
        jobs.enqueue(connection, MESSAGE_CAME, {"message": digest}, key=f"message {digest}")
