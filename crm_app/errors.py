"""Errors, set apart by what the user can do about them."""


class RamalError(Exception):
    """The root of all errors that this application raises on purpose."""


class InvalidInputError(RamalError):
    """What was typed cannot be accepted; the field and the reason are known.

    `field` is the form field's name ("" when it concerns the whole form) and `code` a short
    machine word that the view turns into a sentence in the user's language.
    """

    def __init__(self, code: str, field: str = "", **details: object) -> None:
        super().__init__(code)
        self.code = code
        self.field = field
        self.details = details


class NotAllowedError(RamalError):
    """The signed-in user may not do this."""


class NotFoundError(RamalError):
    """There is no such record, or the user may not know that there is."""


class ConflictError(RamalError):
    """Somebody else changed the record after this user had opened it."""


class ConfigError(RamalError):
    """A setting is missing or makes no sense; the text names it and says what to do."""
