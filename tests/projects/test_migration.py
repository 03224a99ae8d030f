"""A migration that `make migration` writes can be used as it is."""

from __future__ import annotations

from tests.projects.test_moving import Project, begun_with, project

__all__ = ["project"]


@begun_with(auth="none")
def test_a_migration_for_every_type_of_column_runs(project: Project) -> None:
    project.run(".venv/bin/alembic downgrade 0004_orders-1")
    project.migration("0004_orders.py").unlink()
    project.run('make migration m="add orders"')
    project.run("make format migrate seed")

    assert project.query("SELECT count(*) FROM orders") == ["25"]
    project.proves_itself()
