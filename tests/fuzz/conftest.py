"""The fixtures of the fuzzing."""

from tests.deployments import database, deployment, service

__all__ = ["database", "deployment", "service"]
