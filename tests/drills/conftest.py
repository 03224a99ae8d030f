"""The fixtures of the drills."""

from tests.deployments import database, deployment, service

__all__ = ["database", "deployment", "service"]
