"""Takes the indentation of templates out of pages: it is a tenth of what a browser is sent."""

import re

from flask import Flask, Response

# Only between two tags, and a space stays: nothing that is shown or was typed changes. An empty
# field begins with a line break that browsers do not count.
# Inside a tag, only after a whole attribute: what its value holds stays as it is.
BETWEEN_ATTRIBUTES = re.compile(rb'(="[^"<>]*")\s*\n\s*(?=[a-z/>])')
BETWEEN_TAGS = re.compile(rb">\s{2,}<(?!/(?:textarea|pre)\b)")


def remove(response: Response) -> Response:
    """Send a page without the white space between its tags and their attributes."""
    if response.mimetype == "text/html" and not response.is_streamed:
        page = BETWEEN_ATTRIBUTES.sub(rb"\1 ", response.get_data())
        response.set_data(BETWEEN_TAGS.sub(b"> <", page))
    return response


def register(app: Flask) -> None:
    """Do it for every page."""
    app.after_request(remove)
