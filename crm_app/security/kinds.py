"""The names of all security events, as used in the database, the log and the metrics."""

from enum import StrEnum


class Kind(StrEnum):
    """What happened. A name never changes its meaning, because stored events carry it."""

    SIGNED_IN = "signed_in"
    PASSWORD_WRONG = "password_wrong"  # noqa: S105 (the name of an event)
    LOCKED_OUT = "locked_out"
    UNLOCKED = "unlocked"
    SIGNED_OUT = "signed_out"
    SESSION_ENDED = "session_ended"
    LINK_MADE = "link_made"
    LINK_USED = "link_used"
    LINK_REFUSED = "link_refused"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105 (the name of an event)
    SECOND_FACTOR_ADDED = "second_factor_added"
    SECOND_FACTOR_REMOVED = "second_factor_removed"
    SECOND_FACTOR_RESET = "second_factor_reset"
    SECOND_FACTOR_WRONG = "second_factor_wrong"
    RECOVERY_CODE_USED = "recovery_code_used"

    USER_ADDED = "user_added"
    ROLE_CHANGED = "role_changed"
    EMAIL_CHANGED = "email_changed"
    EXTENSION_CHANGED = "extension_changed"
    USER_DISABLED = "user_disabled"
    USER_ENABLED = "user_enabled"

    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    TOO_MANY = "too_many"
    FORM_REFUSED = "form_refused"
    WEBHOOK_REFUSED = "webhook_refused"

    KEYS_STORED = "keys_stored"
    KEYS_REFUSED = "keys_refused"
    DISCONNECTED = "disconnected"
    TOKEN_MADE = "token_made"  # noqa: S105 (a word)
    TOKEN_REMOVED = "token_removed"  # noqa: S105
    WEBHOOK_REGISTERED = "webhook_registered"
    SWITCHES_CHANGED = "switches_changed"
    RESPONSIBLE_CHANGED = "responsible_changed"
    OFFICE_CHANGED = "office_changed"
    RECORDS_PURGED = "records_purged"
    WALL_MADE = "wall_made"
    WALL_REVOKED = "wall_revoked"
    SECRET_KEY_ROTATED = "secret_key_rotated"  # noqa: S105 (the name of an event)


REFUSALS = frozenset(
    {
        Kind.PASSWORD_WRONG,
        Kind.LOCKED_OUT,
        Kind.LINK_REFUSED,
        Kind.SECOND_FACTOR_WRONG,
        Kind.FORBIDDEN,
        Kind.TOO_MANY,
        Kind.FORM_REFUSED,
        Kind.WEBHOOK_REFUSED,
        Kind.KEYS_REFUSED,
    }
)
# Internet scanners cause thousands of these. They include records of other users: a page does not
# distinguish those from records that do not exist.
ONLY_COUNTED = frozenset({Kind.NOT_FOUND})
