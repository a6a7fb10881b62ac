"""Looking at pages changes nothing: every address of a feature is asked for, and writes counted."""

import itertools
from collections.abc import Sequence

from flask import Flask
from flask.testing import FlaskClient

from tests.questions import questions

WRITES = ("INSERT", "UPDATE", "DELETE")


def written_by_reading(
    app: Flask, client: FlaskClient, feature: str, **ids: Sequence[int]
) -> list[str]:
    """Send GET and HEAD to all addresses of a feature and give the statements that wrote.

    `ids` are the values to try for each name in an address.
    """
    addresses = app.url_map.bind("localhost")
    rules = [rule for rule in app.url_map.iter_rules() if rule.endpoint.startswith(f"{feature}.")]
    assert rules
    written: list[str] = []
    for rule in rules:
        names = sorted(rule.arguments)
        for values in itertools.product(*[ids[name] for name in names]):
            url = addresses.build(rule.endpoint, dict(zip(names, values, strict=True)))
            for method in ("GET", "HEAD"):
                with questions() as asked:
                    assert client.open(url, method=method).status_code < 500
                written += [f"{method} {url}: {one}" for one in asked if one.startswith(WRITES)]
    return written
