"""The fixtures of the drills."""

from tests.deployments import broker, database, deployment, parametrize, service

pytest_generate_tests = parametrize

__all__ = ["broker", "database", "deployment", "service"]
