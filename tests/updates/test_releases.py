"""The histories that updates are tested along."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

from tests.combinations import ROOT
from tests.laws.laws import what_goes_is_told
from tests.tool.conftest import commit, git
from tests.updates import releases
from tests.updates.projects import Releases


def test_every_made_up_release_tells_what_goes(made_up: Releases, tmp_path: Path) -> None:
    """The worked example of the recipe for renames and removals."""
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "--quiet", str(made_up.repository), str(clone))
    for earlier, later in pairwise(releases.tags(clone)):
        git(clone, "checkout", "--quiet", earlier)
        root = made_up.jinja(later).template.root
        assert what_goes_is_told(root, clone) == []
    without = root / "copier.yml"
    text = without.read_text()
    without.write_text(text.replace("docs/guides/again/", "docs/guides/"))
    assert len(what_goes_is_told(root, clone)) == 1
    without.write_text(text)


def test_real_releases_join_by_themselves(tmp_path: Path) -> None:
    repository = tmp_path / "repository"
    git(tmp_path, "clone", "--quiet", "--no-tags", str(ROOT), str(repository))
    (repository / "template/new.txt").write_text("new\n")
    commit(repository, "Release", tag="v0.9.0")
    (repository / "template/new.txt").unlink()
    (repository / "template/newer.txt").write_text("newer\n")

    past = releases.real(tmp_path / "real", repository)

    assert releases.tags(past) == ["v0.9.0", "v99999.0.0"]
    assert "template/new.txt" in git(past, "ls-tree", "-r", "--name-only", "v0.9.0")
    newest = git(past, "ls-tree", "-r", "--name-only", "v99999.0.0").splitlines()
    assert "template/newer.txt" in newest
    assert "template/new.txt" not in newest
