"""E-mail addresses, including those of an office's own network."""

import email_validator

MAX_LENGTH = 254
# Names of networks at home and in offices, to which mail is sent there (RFC 6762, RFC 8375). The
# library says how its list is changed: in place.
_INTERNAL = {"local", "localhost", "arpa"}
email_validator.SPECIAL_USE_DOMAIN_NAMES[:] = [
    name for name in email_validator.SPECIAL_USE_DOMAIN_NAMES if name not in _INTERNAL
]


def is_address(text: str) -> bool:
    """Accept what can be an address on the internet or in an office: ana@nas, ana@firma.local."""
    try:
        email_validator.validate_email(text, check_deliverability=False, globally_deliverable=False)
    except email_validator.EmailNotValidError:
        return False
    return True
