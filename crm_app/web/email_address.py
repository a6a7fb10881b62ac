"""E-mail addresses in forms."""

from typing import Any

from wtforms import ValidationError
from wtforms.validators import Email

from crm_app import email_addresses


class OfficeEmail(Email):  # type: ignore[misc]
    """Accepts addresses of the internet and of local networks: ana@nas, ana@firma.local."""

    def __call__(self, form: Any, field: Any) -> None:
        """Refuse anything else with this validator's message."""
        if not email_addresses.is_address(field.data or ""):
            raise ValidationError(self.message)
