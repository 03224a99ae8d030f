"""DB-5: migrations lead to the schema of the models, back to an empty database, and there again."""

from tests.deployments import Deployment
from tests.drills.databases import Database
from tests.services import Service


def test_the_schema_is_that_of_the_models(service: Service) -> None:
    service.migration_tool("check")


def test_migrations_are_reversible(service: Service) -> None:
    service.migration_tool("downgrade", "base")
    service.migration_tool("upgrade", "head")
    service.migration_tool("check")


def test_rows_can_be_written_after_migrating_there_and_back(
    service: Service, database: Database, deployment: Deployment
) -> None:
    service.migration_tool("downgrade", "base")
    service.migration_tool("upgrade", "head")
    service.cli("seed", APP_ENV="development")
    assert database.orders()
