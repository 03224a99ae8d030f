"""The fixtures of the drills."""

from tests.deployments import broker, cache, database, deployment, parametrize, service

pytest_generate_tests = parametrize

__all__ = ["broker", "cache", "database", "deployment", "service"]
