"""Who is responsible for a call's contact, copied to the call: what a restricted agent's log needs.

Only so can one index list the calls with an agent's contacts in order. The ledger and people's
choices write the copy with the contact; a trigger follows when the contact gets somebody else.
"""

from typing import Any

from sqlalchemy import DDL, event

_SQLITE = (
    "CREATE TRIGGER call_responsible AFTER UPDATE OF responsible_id ON contact "
    "WHEN old.responsible_id IS NOT new.responsible_id BEGIN "
    "UPDATE call SET responsible_id = new.responsible_id WHERE contact_id = new.id; END",
)
_POSTGRESQL = (
    "CREATE OR REPLACE FUNCTION call_responsible() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
    "UPDATE call SET responsible_id = NEW.responsible_id WHERE contact_id = NEW.id; "
    "RETURN NULL; END $$",
    "CREATE TRIGGER call_responsible AFTER UPDATE OF responsible_id ON contact FOR EACH ROW "
    "WHEN (OLD.responsible_id IS DISTINCT FROM NEW.responsible_id) "
    "EXECUTE FUNCTION call_responsible()",
)
_DROP = {
    "sqlite": ("DROP TRIGGER IF EXISTS call_responsible",),
    "postgresql": ("DROP FUNCTION IF EXISTS call_responsible() CASCADE",),
}


def statements(dialect_name: str) -> tuple[str, ...]:
    """Return the DDL that makes the copy follow the contact; migrations run it too."""
    return _SQLITE if dialect_name == "sqlite" else _POSTGRESQL


def attach(model: Any) -> None:
    """Make the trigger whenever `create_all` makes the table of calls."""
    for dialect_name, drops in _DROP.items():
        for when, texts in (("after_create", statements(dialect_name)), ("before_drop", drops)):
            for text in texts:
                ddl = DDL(text).execute_if(dialect=dialect_name)  # type: ignore[no-untyped-call]
                event.listen(model.__table__, when, ddl)
