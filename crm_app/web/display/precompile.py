"""Compiles templates before the first request needs them."""

from jinja2 import Environment, meta


def load_ahead(environment: Environment, *names: str) -> None:
    """Compile templates and all those that they include or import by name."""
    loader = environment.loader
    waiting, seen = list(names), set(names)
    while loader is not None and waiting:
        name = waiting.pop()
        environment.get_template(name)
        source, _path, _is_fresh = loader.get_source(environment, name)
        for other in meta.find_referenced_templates(environment.parse(source)):
            if other and other not in seen:
                seen.add(other)
                waiting.append(other)
