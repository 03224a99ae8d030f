"""Wrong input in a project: the exit code is 2, and these words are said."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from scaffold.cli.app import run
from tests.tool.bad_input import BadInput
from tests.tool.conftest import commit, git

ANSWERS = ".copier-answers.yml"


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


def updated(_: Path) -> None:
    """An update was written, and not committed."""
    assert run(["update", "--json"]) == 0


def changed(_: Path) -> None:
    """A change was written, and not committed."""
    assert run(["change", "ci=none", "--json"]) == 0


def changed_and_committed(project: Path) -> None:
    """A change was written and committed."""
    changed(project)
    commit(project, "Change")


def updated_and_committed(project: Path) -> None:
    """An update was written and committed."""
    updated(project)
    commit(project, "Update")


CASES = [
    BadInput(
        "a folder that is not a project", ("update", "src"), "src is not a project", "scaffold new",
    ),
    BadInput("a folder that is missing", ("change", "shop"), "no folder 'shop'", "NAME=VALUE"),
    BadInput(
        "an answers file that is not YAML", ("update",),
        "not YAML: line 2, column 1", "git checkout HEAD", write(ANSWERS, "name: [shop\n"),
    ),
    BadInput(
        "an answers file that is a list", ("update",),
        "not a mapping", "git checkout HEAD", write(ANSWERS, "- shop\n"),
    ),
    BadInput(
        "a template that was not in git", ("update",),
        "which commit of the template", "committed to git", replace("_commit: v1.0.0\n", ""),
    ),
    BadInput("no repository", ("update",), "git repository", "`git init`", without_git),
    BadInput("no commit", ("update",), "no commit", "commit", without_commit),
    BadInput(
        "changes that are not committed", ("update",),
        "not committed: README.md", "git stash", write("README.md", "mine\n"),
    ),
    BadInput(
        "a file that is not committed", ("change", "queue=none"),
        "not committed: mine.txt", "git stash", write("mine.txt", "mine\n"),
    ),
    BadInput(
        "changes that git was told to overlook", ("update",),
        "README.md", "git update-index --no-assume-unchanged", overlooked,
    ),
    BadInput("a merge that is under way", ("update",), "a merge", "abort it", merging),
    BadInput(
        "conflict markers that were committed", ("update",),
        "notes.txt", "commit",
        write("notes.txt", "<<<<<<< a\none\n=======\ntwo\n>>>>>>> b\n", committed=True),
    ),
    BadInput(
        "a project that is newer than the tool", ("update",),
        "v3.0.0", "--remote", replace("v1.0.0", "v3.0.0"),
    ),
    BadInput("an unknown release", ("update", "--to", "v9"), "release v9", "a tag or a commit"),
    BadInput(
        "a release that is older", ("update", "--to", "v1.0.0"),
        "at v2.0.0", "later release", updated_and_committed,
    ),
    BadInput(
        "a template that is gone", ("update",),
        "/nowhere/template.git", "the address",
        lambda project: replace(
            next(
                line.removeprefix("_src_path: ")
                for line in (project / ANSWERS).read_text().splitlines()
                if line.startswith("_src_path")
            ),
            "/nowhere/template.git",
        )(project),
    ),
    BadInput(
        "an unknown answer", ("change", "databse=sqlite"), "question 'databse'", "'database'",
    ),
    BadInput(
        "an unknown value", ("change", "database=postgres"),
        "no choice 'postgres'", "did you mean 'postgresql'?",
    ),
    BadInput(
        "an answer without a value", ("change", "queue=none", "database"),
        "'database'", "`database=postgresql`",
    ),
    BadInput(
        "no terminal to ask on", ("change",),
        "no terminal", "`scaffold change database=postgresql`",
    ),
    BadInput(
        "no new answers", ("change", "--defaults"),
        "no new answers", "`scaffold change database=postgresql`",
    ),
    BadInput(
        "two requests at once", ("update", "--check", "--abort"),
        "--check and --abort cannot be used together", "one of them",
    ),
    BadInput(
        "answers for a request that takes none", ("change", "ci=none", "--abort"),
        "--abort takes no answers", "`ci=none`",
    ),
    BadInput(
        "two folders at once", ("diff", ".", "--project", "src"),
        "PATH is ., and --project is src", "one of them",
    ),
    BadInput("nothing to abort", ("update", "--abort"), "nothing to abort", "`git revert`"),
    BadInput(
        "an update that is not committed", ("change", "queue=none"),
        "the update to v2.0.0 is not committed", "`scaffold update --abort`", updated,
    ),
    BadInput(
        "a change that is not committed", ("update",),
        "the change of ci is not committed", "`scaffold change --abort`", changed,
    ),
    BadInput(
        "a change that was committed", ("change", "--abort"),
        "the change of ci was committed", "`git revert HEAD`", changed_and_committed,
    ),
]  # fmt: skip
