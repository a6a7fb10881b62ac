"""What the database stores about the keys of its secrets."""

import json
from typing import Self

from sqlalchemy import CheckConstraint, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from crm_app.extensions import Model, db


class KeyState(Model):
    """The key that this database belongs to, by its id; there is one row, or none before the start.

    Until release 0.3.0 passwords were hashed together with a text made of the secret key. Those
    texts are kept for as long as such a hash is left; no key can be computed from them.
    """

    __tablename__ = "key_state"
    __table_args__ = (CheckConstraint("id = 1", name="only_one"),)

    id: Mapped[int] = mapped_column(primary_key=True, default=1, autoincrement=False)
    key_id: Mapped[str] = mapped_column(String(16))
    former_peppers_json: Mapped[str] = mapped_column(Text, default="[]")

    @classmethod
    def find(cls) -> Self | None:
        """Return the row, if there is one."""
        return db.session.get(cls, 1)

    @property
    def former_peppers(self) -> list[str]:
        """List the texts that old hashes were made with."""
        return [str(pepper) for pepper in json.loads(self.former_peppers_json)]

    def keep_peppers(self, peppers: list[str]) -> None:
        """Store these texts in addition to those already stored."""
        self.former_peppers_json = json.dumps(list(dict.fromkeys(self.former_peppers + peppers)))
