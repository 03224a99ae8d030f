"""The fixtures of the drills."""

from tests.deployments import cache, database, deployment, parametrize, service

pytest_generate_tests = parametrize

__all__ = ["cache", "database", "deployment", "service"]
