"""One command that runs everything: web, worker and, when none is given, the event bus."""
