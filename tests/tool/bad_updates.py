"""What people get wrong in a project, and what they read then. docs/errors.md shows this table."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from scaffold.cli.app import run
from tests.tool.conftest import commit, git


@dataclass(frozen=True)
class BadUpdate:
    """`arrange` prepares a project at v1.0.0, the current folder; its template has v2.0.0."""

    title: str
    arguments: tuple[str, ...]
    error: str
    hint: str
    arrange: Callable[[Path], None] = lambda _: None


ANSWERS = ".copier-answers.yml"
GET_BACK = f"`git checkout HEAD -- {ANSWERS}` gives back the committed one"
COMMIT = "commit them, or set them aside with `git stash --include-untracked`"
ABORT = "resolve it and commit, or `scaffold update --abort` gives back the state before it"


def write(path: str, content: str, *, committed: bool = False) -> Callable[[Path], None]:
    """Arrange for a file with this content."""

    def arrange(project: Path) -> None:
        (project / path).write_text(content)
        if committed:
            commit(project, f"Write {path}")

    return arrange


def replace(old: str, new: str) -> Callable[[Path], None]:
    """Arrange for another text in the answers file, committed."""

    def arrange(project: Path) -> None:
        content = (project / ANSWERS).read_text()
        assert old in content
        write(ANSWERS, content.replace(old, new), committed=True)(project)

    return arrange


def without_git(project: Path) -> None:
    """The repository is gone."""
    shutil.rmtree(project / ".git")


def without_commit(project: Path) -> None:
    """The repository has just begun."""
    without_git(project)
    git(project, "init", "--quiet")


def overlooked(project: Path) -> None:
    """A file has changed, and git does not look at it."""
    git(project, "update-index", "--assume-unchanged", "README.md")
    (project / "README.md").write_text("mine\n")


def merging(project: Path) -> None:
    """A merge is under way."""
    head = git(project, "rev-parse", "HEAD")
    (project / ".git" / "MERGE_HEAD").write_text(head)


def updated(project: Path) -> None:
    """An update was written, and not committed."""
    assert run(["update", "--json"]) == 0


def updated_and_committed(project: Path) -> None:
    """An update was written and committed."""
    updated(project)
    commit(project, "Update")


CASES = [
    BadUpdate(
        "a folder that is no project", ("update", "src"),
        f"src is no project of scaffold: it has no {ANSWERS}",
        "go to the folder of a service that `scaffold new` made",
    ),
    BadUpdate(
        "an answers file that is not YAML", ("update",),
        f"the answers file {ANSWERS} is not YAML: line 2, column 1",
        GET_BACK, write(ANSWERS, "name: [shop\n"),
    ),
    BadUpdate(
        "an answers file that is a list", ("update",),
        f"the answers file {ANSWERS} is not a mapping", GET_BACK, write(ANSWERS, "- shop\n"),
    ),
    BadUpdate(
        "a template that was not in git", ("update",),
        f"{ANSWERS} does not say which commit of the template the project was made from",
        "only a project of a template that was committed to git can be updated",
        replace("_commit: v1.0.0\n", ""),
    ),
    BadUpdate(
        "no repository", ("update",), ". is in no git repository",
        "updates are merged by git: `git init`, then commit everything", without_git,
    ),
    BadUpdate(
        "no commit", ("update",), "the repository . has no commit", "commit everything first",
        without_commit,
    ),
    BadUpdate(
        "changes that are not committed", ("update",),
        ". has changes that are not committed: README.md", COMMIT, write("README.md", "mine\n"),
    ),
    BadUpdate(
        "a file that is not committed", ("change", "queue=none"),
        ". has changes that are not committed: mine.txt", COMMIT, write("mine.txt", "mine\n"),
    ),
    BadUpdate(
        "changes that git was told to overlook", ("update",),
        "git overlooks changes of README.md",
        "`git update-index --no-assume-unchanged --no-skip-worktree README.md`, then commit or "
        "undo them", overlooked,
    ),
    BadUpdate(
        "a merge that is under way", ("update",),
        "a merge is under way in .", "finish or abort it first", merging,
    ),
    BadUpdate(
        "conflict markers that were committed", ("update",),
        "notes.txt was committed with conflict markers",
        "resolve it and commit; another update would make it worse",
        write("notes.txt", "<<<<<<< a\none\n=======\ntwo\n>>>>>>> b\n", committed=True),
    ),
    BadUpdate(
        "a project that is newer than the tool", ("update",),
        "v3.0.0 is not in this scaffold's template: the project was made by a newer one, or from "
        "another template",
        "upgrade scaffold, or add `--remote` to ask the template's own repository",
        replace("v1.0.0", "v3.0.0"),
    ),
    BadUpdate(
        "a release that there is not", ("update", "--to", "v9"),
        "the template has no release v9", "`--to` takes a tag or a commit",
    ),
    BadUpdate(
        "a release that is older", ("update", "--to", "v1.0.0"),
        "the project is at v2.0.0, which is newer than v1.0.0",
        "upgrade scaffold, or name a later release with `--to`", updated_and_committed,
    ),
    BadUpdate(
        "a template that is gone", ("update",),
        "cannot get the template from /nowhere/template.git",
        "repository '/nowhere/template.git' does not exist",
        lambda project: replace(
            next(
                line.removeprefix("_src_path: ")
                for line in (project / ANSWERS).read_text().splitlines()
                if line.startswith("_src_path")
            ),
            "/nowhere/template.git",
        )(project),
    ),
    BadUpdate(
        "an unknown answer", ("change", "databse=sqlite"), "there is no question 'databse'",
        "did you mean 'database'? The questions are framework, name, description, database, auth, "
        "queue, cache, ci and flavour",
    ),
    BadUpdate(
        "an unknown value", ("change", "database=postgres"),
        "database has no choice 'postgres'",
        "did you mean 'postgresql'? It can be sqlite or postgresql",
    ),
    BadUpdate(
        "an answer without a value", ("change", "database"),
        "'database' is not of the form name=value", "for example `database=postgresql`",
    ),
    BadUpdate(
        "two requests at once", ("update", "--check", "--abort"),
        "--check, --dry-run, --finish and --abort exclude each other", "give one of them",
    ),
    BadUpdate(
        "nothing to take back", ("update", "--abort"),
        "there is no unfinished update to take back",
        "`git revert` takes back an update that was committed",
    ),
    BadUpdate(
        "nothing to finish", ("update", "--finish"),
        "there is no unfinished update", "`scaffold update` begins one",
    ),
    BadUpdate(
        "an update that is not finished", ("change", "queue=none"),
        "the update to v2.0.0 is not finished", ABORT, updated,
    ),
]  # fmt: skip
