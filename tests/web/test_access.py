"""Nobody gets in without signing in."""

from flask import Flask
from flask.testing import FlaskClient

from crm_app.web.access import is_public

PUBLIC = {"static", "security.static", "security.login"}


def test_it_lets_an_anonymous_visitor_only_into_the_public_list(
    app: Flask, visitor: FlaskClient
) -> None:
    for rule in app.url_map.iter_rules():
        values = {name: 1 for name in rule.arguments}
        with app.test_request_context():
            from flask import url_for

            url = url_for(rule.endpoint, **values)
        for method in rule.methods - {"HEAD", "OPTIONS"}:
            if rule.endpoint in PUBLIC:
                assert is_public(rule.endpoint), rule.endpoint
                continue
            answer = visitor.open(url, method=method)
            assert answer.status_code in {303, 401}, f"{method} {url} answers {answer.status_code}"
            if answer.status_code == 303:
                assert answer.location.startswith("/login"), url
