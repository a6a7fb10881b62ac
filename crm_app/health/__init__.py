"""Whether the house stands: liveness, readiness, and what is wrong when it does not."""
