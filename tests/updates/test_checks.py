"""After an update without conflict, the project still passes its own checks."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tests.combinations import TEMPLATE
from tests.runtimes.python import install
from tests.tool.conftest import Scaffold, commit
from tests.updates.projects import Releases

CHECKS = [
    ["-m", "ruff", "check", "--no-cache", "--quiet"],
    ["-m", "ruff", "format", "--no-cache", "--quiet", "--check"],
    ["-m", "mypy", "--no-error-summary"],
    ["-m", "pytest", "-q", "-x", "--no-cov", "tests/test_config.py", "tests/test_ours.py"],
]


def test_lint_types_and_tests_pass_after_an_update(
    scaffold: Scaffold, made_up_with_code: Releases, tmp_path: Path
) -> None:
    answers = TEMPLATE.presets["starter"].answers
    project = made_up_with_code.project(tmp_path / "shop", "v1.0.0", answers)
    main = project / "src/app/main.py"
    main.write_text(main.read_text().replace('"""\n', '"""\n\n# Ours.\n', 1))
    (project / "src/app/ours.py").write_text('"""Ours."""\n\nOURS = True\n')
    (project / "tests/test_ours.py").write_text(
        "from app.ours import OURS\n\n\ndef test_ours() -> None:\n    assert OURS\n"
    )
    commit(project, "Our edits")
    python = install(project).interpreter

    assert scaffold("update", str(project), "--defaults").code == 0

    assert "# Ours." in main.read_text()
    assert any("Revised in 1.3.0" in file.read_text() for file in (project / "src").rglob("*.py"))
    env = {**os.environ, "PYTHONPATH": "src"}
    for check in CHECKS:
        done = subprocess.run(
            [python, *check], cwd=project, env=env, check=False, capture_output=True, text=True
        )
        assert done.returncode == 0, f"{check}: {done.stdout}{done.stderr}"
