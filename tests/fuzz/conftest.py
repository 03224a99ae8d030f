"""The fixtures of the fuzzing."""

from tests.deployments import database, deployment, parametrize, service

pytest_generate_tests = parametrize

__all__ = ["database", "deployment", "service"]
