"""A notification as it arrived, before parsing; it can be serialised completely."""

import json
from base64 import b64decode, b64encode
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Self


@dataclass(frozen=True, slots=True)
class Arrival:
    """What was posted, by whom and when; `is_verified` once its signature was checked.

    `token` is the end of the address that it was posted to.
    """

    received_at: datetime
    sender: str
    token: str
    content_type: str
    signature: str | None
    body: bytes
    is_verified: bool = False
    request_id: str = ""

    def verified(self) -> Self:
        """Mark the signature as valid: the secret may change before the spool is read."""
        return replace(self, is_verified=True)

    def to_json(self) -> str:
        """Write it in ASCII for the spool."""
        record = {
            "at": self.received_at.isoformat(),
            "verified": self.is_verified,
            "from": self.sender,
            # The token is a secret; it is not needed once the signature was checked.
            "token": "" if self.is_verified else self.token,
            "type": self.content_type,
            "signature": self.signature,
            "body": b64encode(self.body).decode("ascii"),
        }
        return json.dumps(record, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what `to_json` wrote; raises ValueError or KeyError for anything else."""
        record = json.loads(text)
        return cls(
            received_at=datetime.fromisoformat(record["at"]),
            sender=record["from"],
            token=record["token"],
            content_type=record["type"],
            signature=record["signature"],
            body=b64decode(record["body"], validate=True),
            is_verified=record["verified"],
        )
