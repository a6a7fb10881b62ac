"""Structured logs to standard output, with secrets and phone numbers masked."""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

from crm_app.phone_numbers import mask

# Seven or more digits in a row, with the marks people put between them, is a phone number to us.
_NUMBER = re.compile(r"(?<![\w.:\-])(?:\+|00)?\d(?:[ ()\-]?\d){6,14}(?![\w.:\-])")
_SECRET_KEYS = re.compile(r"secret|password|token|signature|authorization|cookie|api_?key", re.I)


def mask_values(
    _logger: Any, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Mask secrets by the name of their key and phone numbers wherever they stand in a text."""
    for key, value in event.items():
        if _SECRET_KEYS.search(key) and value:
            event[key] = "***"
        elif isinstance(value, str) and key not in {"timestamp", "level", "event", "logger"}:
            event[key] = mask_numbers(value)
    return event


def mask_numbers(text: str) -> str:
    """Replace each phone number of a text by its last two digits."""
    return _NUMBER.sub(lambda match: mask(match.group()), text)


def configure(level: str, *, as_json: bool) -> None:
    """Send our own and every library's log lines through one masked, structured stream."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    renderer: Any = (
        structlog.processors.JSONRenderer()
        if as_json
        else structlog.dev.ConsoleRenderer(colors=sys.stdout.isatty())
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            mask_values,
            renderer,
        ],
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
