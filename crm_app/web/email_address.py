"""E-mail addresses as an office has them, those of its own network too."""

from typing import Any

import email_validator
from wtforms import ValidationError
from wtforms.validators import Email

# Names of networks at home and in offices, to which mail is sent there (RFC 6762, RFC 8375). The
# library says how its list is changed: in place.
INTERNAL = {"local", "localhost", "arpa"}
email_validator.SPECIAL_USE_DOMAIN_NAMES[:] = [
    name for name in email_validator.SPECIAL_USE_DOMAIN_NAMES if name not in INTERNAL
]


class OfficeEmail(Email):  # type: ignore[misc]
    """Accepts what can be an address on the internet or in an office: ana@nas, ana@firma.local."""

    def __call__(self, form: Any, field: Any) -> None:
        """Refuse with this validator's message what is no address."""
        try:
            email_validator.validate_email(
                field.data or "", check_deliverability=False, globally_deliverable=False
            )
        except email_validator.EmailNotValidError as error:
            raise ValidationError(self.message) from error
