"""An update loses nothing that the team wrote, for every preset and a pairwise set of answers.

The table at the end of the run counts the edits and what became of them.
"""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from scaffold.git.merge import Files
from tests.combinations import TEMPLATE, label
from tests.tool.conftest import Scaffold, git
from tests.updates import releases
from tests.updates.edits import Team, Verdict
from tests.updates.projects import Answers, Releases, files, pairwise

PRESETS = [dict(preset.answers) for preset in TEMPLATE.presets.values()]
NEWEST = {"made_up": releases.LAST, "real": "v99999.0.0"}
CASES = [
    *(("made_up", "v1.0.0", answers) for answers in [*PRESETS, *pairwise()]),
    *(("made_up", tag, answers) for tag in ("v1.1.0", "v1.2.0") for answers in PRESETS),
    *(("real", tag, answers) for tag in releases.tags() for answers in PRESETS),
]


@dataclass(frozen=True)
class Updated:
    """A project with edits, after its update."""

    team: Team
    report: Mapping[str, list[str]]
    theirs: Files
    before: Files
    after: Files

    @property
    def conflicts(self) -> set[str]:
        """The paths that git knows to be in conflict."""
        listed = git(self.team.project, "diff", "--name-only", "--diff-filter=U", "-z")
        return {path for path in listed.split("\0") if path}


@pytest.fixture(params=list(enumerate(CASES)), ids=lambda case: f"{case[1][1]}-{case[0]}")
def updated(request: pytest.FixtureRequest, scaffold: Scaffold, tmp_path: Path) -> Updated:
    """One case: a project of an old release, with all edits, updated to the newest one."""
    turn, (history, start, answers) = request.param
    past: Releases = request.getfixturevalue(history)
    project = past.project(tmp_path / "shop", start, answers)
    newest = NEWEST[history]
    theirs = past.fresh(newest, past.kept(newest, past.recorded(start, answers)))
    team = Team(project, past.fresh(start, answers), theirs, past.moves(start, newest), turn)
    team.work()
    before = files(project)
    outcome = scaffold("update", str(project), "--defaults", "--json")
    assert outcome.code in (0, 1), outcome.err
    facts = json.loads(outcome.out)
    report = {name: [file["path"] for file in found] for name, found in facts["files"].items()}
    return Updated(team, report, theirs, before, files(project))


def test_nothing_is_lost_and_everything_is_told(
    updated: Updated, record_property: Callable[[str, Any], None]
) -> None:
    verdicts = {
        (edit.kind, edit.path): updated.team.verdict(edit, updated.conflicts)
        for edit in updated.team.edits
    }
    record_property("edits", [(kind, str(verdict)) for (kind, _), verdict in verdicts.items()])
    assert [edit for edit, verdict in verdicts.items() if verdict is Verdict.LOST] == []
    assert Counter(verdicts.values())[Verdict.CONFLICT] > 0

    check_conflicts_are_told(updated)
    check_the_rest_is_fresh(updated)
    check_what_is_kept_is_told(updated)


def check_conflicts_are_told(updated: Updated) -> None:
    """The report, git and the markers in files name the same paths; git refuses to commit."""
    assert set(updated.report["conflict"]) == updated.conflicts
    marked = {path for path, file in updated.after.items() if b"<<<<<<< before" in file.content}
    assert marked <= updated.conflicts
    for path in updated.conflicts - marked:
        assert not (updated.before[path].is_text and updated.theirs[path].is_text)
    refused = subprocess.run(
        ["git", "commit", "-m", "No"], cwd=updated.team.project, check=False, capture_output=True
    )
    assert refused.returncode != 0


def check_the_rest_is_fresh(updated: Updated) -> None:
    """What nobody edited is what a new project has."""
    exempt = updated.team.touched | set(updated.report["kept"])
    rest = {path: file for path, file in updated.after.items() if path not in exempt}
    assert rest == {path: file for path, file in updated.theirs.items() if path not in exempt}


def check_what_is_kept_is_told(updated: Updated) -> None:
    """A file that the template has dropped and that is still there is in the report."""
    dropped = updated.team.base.keys() - updated.theirs.keys()
    assert dropped & updated.after.keys() <= set(updated.report["kept"])


@pytest.mark.parametrize(
    ("start", "answers"),
    [
        *(("v1.0.0", answers) for answers in [*PRESETS, *pairwise()]),
        *(("v1.2.0", answers) for answers in PRESETS),
    ],
    ids=lambda value: value if isinstance(value, str) else label(value),
)
def test_without_edits_an_update_is_a_fresh_render(
    scaffold: Scaffold, made_up: Releases, tmp_path: Path, start: str, answers: Answers
) -> None:
    project = made_up.project(tmp_path / "shop", start, answers)
    outcome = scaffold("update", str(project), "--defaults", "--json")
    assert outcome.code == 0, outcome.err
    kept = made_up.kept(releases.LAST, made_up.recorded(start, answers))
    assert files(project) == made_up.fresh(releases.LAST, kept)
    staged = git(project, "status", "--porcelain", "--no-renames").splitlines()
    assert {line[1] for line in staged} == {" "}
