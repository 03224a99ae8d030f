"""`scaffold new` makes a repository from answers given on the command line."""

from __future__ import annotations

import json
import os
import subprocess
from itertools import cycle
from pathlib import Path

import pytest
import yaml

from tests.combinations import TEMPLATE, answered, axes
from tests.tool.conftest import Scaffold, commit, git, tree


def answers_of(project: Path) -> dict[str, str]:
    data: dict[str, str] = yaml.safe_load((project / ".copier-answers.yml").read_text())
    return data


def test_defaults_are_the_starter_preset(scaffold: Scaffold, workplace: Path) -> None:
    scaffold("new", "a/shop", "--defaults")
    scaffold("new", "b/shop", "--preset", "starter")
    assert answers_of(workplace / "a/shop") == answers_of(workplace / "b/shop")


def test_every_preset_answers_every_choice_after_the_name() -> None:
    choices = {question.name for question in TEMPLATE.asked if question.choices}
    choices -= {question.name for question in TEMPLATE.leading}
    assert all(set(preset.answers) == choices for preset in TEMPLATE.presets.values())


def test_a_preset_goes_with_every_framework(scaffold: Scaffold, workplace: Path) -> None:
    for framework in axes()["framework"]:
        for preset in TEMPLATE.presets.values():
            answers = {"framework": framework, **preset.answers}
            assert answered(answers).recorded.items() >= answers.items()
    # A dry run renders a project, which takes a second: one preset for each framework.
    for framework, name in zip(axes()["framework"], cycle(TEMPLATE.presets), strict=False):
        flags = ("--framework", framework, "--preset", name, "--dry-run", "--json")
        made = json.loads(scaffold("new", "shop", *flags).out)["answers"]
        assert made.items() >= {"framework": framework, **TEMPLATE.presets[name].answers}.items()


def test_the_last_part_of_the_path_is_the_name(scaffold: Scaffold, workplace: Path) -> None:
    assert scaffold("new", "services/eu/shop/", "--defaults").code == 0
    assert answers_of(workplace / "services/eu/shop")["name"] == "shop"


def test_the_current_folder_can_become_the_project(
    scaffold: Scaffold, workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = workplace / "shop"
    shop.mkdir()
    monkeypatch.chdir(shop)
    before = shop.stat().st_ino
    assert scaffold("new", ".", "--defaults").code == 0
    assert answers_of(shop)["name"] == "shop"
    assert shop.stat().st_ino == before
    assert not [path for path in shop.iterdir() if path.name.startswith(".shop-")]


def test_flags_beat_set_beats_the_file_beats_the_preset(
    scaffold: Scaffold, workplace: Path
) -> None:
    (workplace / "answers.yml").write_text("auth: jwt\nqueue: none\nci: none\n")
    outcome = scaffold(
        "new", "shop", "--preset", "minimal", "--answers", "answers.yml",
        "--set", "queue=database", "--set", "ci=github", "--ci", "none",
    )  # fmt: skip
    assert outcome.code == 0
    answers = answers_of(workplace / "shop")
    assert (answers["auth"], answers["queue"], answers["ci"]) == ("jwt", "database", "none")


def test_the_answers_file_of_another_project_will_do(scaffold: Scaffold, workplace: Path) -> None:
    scaffold("new", "shop", "--preset", "production", "--description", "Sells shoes")
    assert scaffold("new", "store", "--answers", "shop/.copier-answers.yml").code == 0
    assert answers_of(workplace / "store") == {**answers_of(workplace / "shop"), "name": "store"}


def test_the_answers_file_names_where_updates_come_from(
    scaffold: Scaffold, workplace: Path, template_repository: Path
) -> None:
    scaffold("new", "shop", "--defaults")
    answers = answers_of(workplace / "shop")
    assert (answers["_src_path"], answers["_commit"]) == (str(template_repository), "v1.0.0")


def test_a_project_is_one_commit_on_main(scaffold: Scaffold, workplace: Path) -> None:
    outcome = scaffold("new", "shop", "--defaults")
    shop = workplace / "shop"
    assert git(shop, "log", "--format=%s %D").strip() == (
        "Start from the scaffold template HEAD -> main"
    )
    assert git(shop, "status", "--porcelain", "--ignored") == ""
    assert "committed to git on the branch main" in outcome.err


def test_the_next_three_commands_are_shown(scaffold: Scaffold) -> None:
    outcome = scaffold("new", "my/shop", "--defaults")
    assert outcome.err.endswith("Next:\n  cd my/shop\n  make dev\n  make test\n")
    assert outcome.out == ""


def test_a_user_with_a_name_is_the_author(
    scaffold: Scaffold, workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "user.name")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "Ada")
    scaffold("new", "shop", "--defaults")
    author = git(workplace / "shop", "log", "--format=%an <%ae>").strip()
    assert author == "Ada <scaffold@localhost>"


def test_the_users_hooks_keys_and_ignores_have_no_say(
    scaffold: Scaffold, workplace: Path, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    hooks = home / "hooks"
    hooks.mkdir(parents=True)
    for hook in ("pre-commit", "post-commit", "commit-msg"):
        (hooks / hook).write_text(f"#!/bin/sh\ntouch {workplace}/hook-ran\nexit 1\n")
        (hooks / hook).chmod(0o755)
    (home / "ignore").write_text("*.md\n")
    (home / ".gitconfig").write_text(
        f"[core]\nhooksPath = {hooks}\nexcludesFile = {home}/ignore\n"
        "[commit]\ngpgsign = true\n[user]\nsigningkey = NOBODY\n"
    )
    assert scaffold("new", "shop", "--defaults").code == 0
    assert not (workplace / "hook-ran").exists()
    assert "README.md" in git(workplace / "shop", "ls-files").splitlines()


def test_inside_another_repository_no_repository_is_made(
    scaffold: Scaffold, workplace: Path
) -> None:
    git(workplace, "init", "--quiet")
    outcome = scaffold("new", "services/shop", "--defaults")
    assert not (workplace / "services/shop/.git").exists()
    assert f"not yet committed to the repository {workplace}" in outcome.err


def test_git_variables_of_a_hook_do_not_lead_astray(
    scaffold: Scaffold, workplace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    git(other, "init", "--quiet")
    (other / "file").write_text("x")
    commit(other, "Theirs")
    with monkeypatch.context() as hook:
        hook.setenv("GIT_DIR", str(other / ".git"))
        hook.setenv("GIT_INDEX_FILE", str(other / ".git/index"))
        assert scaffold("new", "shop", "--defaults").code == 0
    assert (workplace / "shop/.git").is_dir()
    assert git(other, "log", "--format=%s").strip() == "Theirs"


def test_no_git_makes_no_repository(scaffold: Scaffold, workplace: Path) -> None:
    scaffold("new", "shop", "--defaults", "--no-git")
    assert (workplace / "shop/README.md").exists()
    assert not (workplace / "shop/.git").exists()


def test_a_failing_git_leaves_nothing(
    scaffold: Scaffold, workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = workplace.parent / "bin"
    fake.mkdir()
    (fake / "git").write_text(
        '#!/bin/sh\ncase "$*" in *commit*) echo "fatal: no" >&2; exit 1;; esac\n'
    )
    (fake / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{fake}:{os.environ['PATH']}")
    outcome = scaffold("new", "deep/shop", "--defaults")
    assert outcome.err.endswith(
        "error: git failed: no\n\nhint: add `--no-git` to go on without it\n"
    )
    assert list(workplace.iterdir()) == []


def test_a_dry_run_shows_the_tree_and_writes_nothing(scaffold: Scaffold, workplace: Path) -> None:
    shown = scaffold("new", "shop", "--defaults", "--dry-run")
    assert list(workplace.iterdir()) == []
    scaffold("new", "shop", "--defaults")
    assert paths(shown.out) == set(tree(workplace / "shop"))


def paths(shown: str) -> set[str]:
    """The files of a tree, two spaces for each folder that they are in."""
    folders: list[str] = []
    found = set()
    for line in shown.splitlines():
        name = line.lstrip()
        folders = folders[: (len(line) - len(name)) // 2]
        if name.endswith("/"):
            folders.append(name)
        else:
            found.add("".join(folders) + name)
    return found


def test_json_tells_what_was_made(scaffold: Scaffold, workplace: Path) -> None:
    outcome = scaffold("new", "shop", "--preset", "minimal", "--json")
    told = json.loads(outcome.out)
    assert outcome.err == ""
    assert told["path"] == told["repository"] == str(workplace / "shop")
    assert told["answers"]["auth"] == "none"
    assert told["source"]["updatable"] is True
    assert told["next"] == ["cd shop", "make dev", "make test"]
    assert {"path": ".gitignore", "bytes": (workplace / "shop/.gitignore").stat().st_size} in (
        told["files"]
    )


def test_json_of_a_dry_run_says_that_it_is_one(scaffold: Scaffold, workplace: Path) -> None:
    told = json.loads(scaffold("new", "shop", "--defaults", "--dry-run", "--json").out)
    assert told["dry_run"] is True
    assert list(workplace.iterdir()) == []


def test_the_umask_of_the_user_counts(scaffold: Scaffold, workplace: Path) -> None:
    before = os.umask(0o077)
    try:
        scaffold("new", "shop", "--defaults")
    finally:
        os.umask(before)
    assert (workplace / "shop").stat().st_mode & 0o777 == 0o700
    assert (workplace / "shop/README.md").stat().st_mode & 0o777 == 0o600


def test_the_same_answers_give_the_same_bytes_wherever_and_whenever(
    scaffold: Scaffold, workplace: Path
) -> None:
    scaffold("new", "one/shop", "--defaults", "--no-git")
    scaffold("new", "two/shop", "--defaults", "--no-git")
    difference = subprocess.run(["diff", "-r", "one", "two"], cwd=workplace, check=False)
    assert difference.returncode == 0
