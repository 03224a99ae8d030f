"""The interview in a real terminal, tmux: what users type and see. docs/wizard.md shows it."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from scaffold.terminal.signals import Interrupted
from tests.combinations import ROOT
from tests.tool.conftest import commit, git
from tests.tool.test_bad_input import listing
from tests.tool.test_new import answers_of
from tests.tool.test_questions import template
from tests.tool.test_wizard import EXCLUSIVE

pytestmark = pytest.mark.skipif(
    shutil.which("tmux") is None and not os.environ.get("CI"), reason="tmux is not installed"
)

DONE = "[exit code"
PATIENCE = 60
"""Seconds in which a text must appear: a busy machine is slow, and that is no fault of the tool."""
COLOUR = re.compile(r"\x1b\[(\d+;)*[349][0-7](;\d+)*m")


class Step(NamedTuple):
    """What the page says, the keys, and a text that is on the screen only after them."""

    said: str
    keys: tuple[str, ...]
    awaited: str


class Recording(NamedTuple):
    """A section of docs/wizard.md."""

    title: str
    command: str
    steps: list[Step]
    code: int = 0


class Terminal:
    """A terminal of its own, in which a command runs as if it was typed after the prompt `$`."""

    def __init__(self, folder: Path, command: str, size: str = "80x24", **variables: str) -> None:
        self._folder = folder
        # Not among pytest's folders: the path of a socket must be short.
        self._sockets = tempfile.TemporaryDirectory(prefix="tmux-")
        columns, lines = size.split("x")
        self._tmux(
            *("-f", "/dev/null", "new-session", "-d", "-x", columns, "-y", lines),
            f"stty -g >../before; printf '$ %s\\n' '{command}'; {command}; "
            f"echo '{DONE}' $?]; stty -g >../after; exec cat",
            variables=variables,
        )

    def type(self, *keys: str) -> None:
        """Type texts, and keys by the names that tmux has for them, such as `BTab`."""
        for key in keys:
            self._tmux("send-keys", key)

    def see(self, text: str) -> str:
        """The screen without colours, as soon as `text` is on it."""
        return self.wait(self.screen, lambda screen: text in screen)

    def wait(self, look: Callable[[], str], is_enough: Callable[[str], bool]) -> str:
        deadline = time.monotonic() + PATIENCE
        while not is_enough(seen := look()):
            assert time.monotonic() < deadline, f"it is not to be seen:\n{seen}"
            time.sleep(0.03)
        return seen

    def screen(self, *options: str) -> str:
        lines = self._tmux("capture-pane", "-p", *options).splitlines()
        return "\n".join(line.rstrip() for line in lines).rstrip()

    def has_colour(self) -> bool:
        return COLOUR.search(self.screen("-e")) is not None

    def wait_for_answers(self, number: int) -> None:
        """Wait until line mode has asked for so many answers."""
        self.wait(lambda: self.screen("-S", "-"), lambda seen: seen.count("Answer") >= number)

    def resize(self, size: str) -> None:
        columns, lines = size.split("x")
        self._tmux("resize-window", "-x", columns, "-y", lines)

    def kill(self, number: signal.Signals) -> None:
        """Send a signal to the command."""
        shell = self._tmux("list-panes", "-F", "#{pane_pid}").strip()
        children = Path(f"/proc/{shell}/task/{shell}/children").read_text()
        os.kill(int(children.split()[0]), number)

    def is_restored(self) -> bool:
        """Whether `stty` says the same before and after the command, which has ended."""
        before, after = ((self._folder.parent / name) for name in ("before", "after"))
        self.wait(lambda: after.read_text() if after.exists() else "", lambda text: "\n" in text)
        return before.read_text() == after.read_text()

    def close(self) -> None:
        self._tmux("kill-server")
        self._sockets.cleanup()

    def _tmux(self, *arguments: str, variables: dict[str, str] | None = None) -> str:
        return subprocess.run(
            ["tmux", "-u", "-S", f"{self._sockets.name}/socket", *arguments],
            cwd=self._folder,
            env={**os.environ, **environment(), **(variables or {})},
            capture_output=True,
            text=True,
            check=True,
        ).stdout


def environment() -> dict[str, str]:
    """What the shell of a user has."""
    without = {"NO_COLOR": "", "SCAFFOLD_DEBUG": "", "COLUMNS": "", "LINES": "", "TMUX": ""}
    return {**without, "LC_ALL": "C.UTF-8", "PYTHONPATH": str(ROOT / "src"), "TERM": "xterm"}


Open = Callable[..., Terminal]


@pytest.fixture
def desk(tmp_path: Path, whole_template_repository: Path) -> Path:
    """An empty folder to work in, beside a `scaffold` and two templates."""
    desk = tmp_path / "desk"
    (desk / "work").mkdir(parents=True)
    (desk / "bin").mkdir()
    program = desk / "bin" / "scaffold"
    program.write_text(f"#!/bin/sh\nexec '{sys.executable}' -m scaffold \"$@\"\n")
    program.chmod(0o755)
    (desk / "template").symlink_to(whole_template_repository)
    events = template(desk, EXCLUSIVE.partition("_scaffold_presets")[0], template__README="1")
    events.rename(desk / "events")
    git(desk / "events", "init", "--quiet")
    commit(desk / "events", "First release", tag="v1.0.0")
    return desk / "work"


@pytest.fixture
def terminal(desk: Path) -> Iterator[Open]:
    """`terminal("scaffold new", "80x24", NO_COLOR="1")` runs a command in the empty folder."""
    variables = {
        "HOME": str(desk.parent),
        "XDG_CONFIG_HOME": str(desk.parent),
        "PATH": f"{desk.parent / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "SCAFFOLD_TEMPLATE": str(desk.parent / "template"),
    }
    opened: list[Terminal] = []

    def run(command: str, size: str = "80x24", **more: str) -> Terminal:
        opened.append(Terminal(desk, command, size, **variables, **more))
        return opened[-1]

    yield run
    for one in opened:
        one.close()


WHOLE = Recording(
    "From the name to the project",
    "scaffold new",
    [
        Step("Without PATH, the first question is the name.", (), "What is the service called?"),
        Step("`Shop`, Enter: the text is not valid.", ("Shop", "Enter"), "must be 2 to 40"),
        Step("Ctrl-U, `shop`, Enter: the framework.", ("C-u", "shop", "Enter"), "FastAPI"),
        Step("Enter: the preset.", ("Enter",), "custom"),
        Step("Down, Enter: what the preset leaves open.", ("Down", "Enter"), "in one sentence?"),
        Step("Shift-Tab: back to the preset.", ("BTab",), "custom"),
        Step("Enter, Enter: the summary.", ("Enter", "Enter"), "Create shop with these answers?"),
        Step("Six times Down, Enter: the database.", ("Down",) * 6 + ("Enter",), "keep its data?"),
        Step("Up, Enter: the summary with SQLite.", ("Up", "Enter"), "database     SQLite"),
        Step("Down, Enter: the files.", ("Down", "Enter"), "The files of shop"),
        Step("Enter, Enter: the project.", ("Enter", "Enter"), DONE),
    ],
)
RECORDINGS = [
    WHOLE,
    Recording(
        "A choice that other answers exclude",
        "scaffold new shop --template ../events --no-git",
        [
            Step("Another template, without presets.", (), "PostgreSQL"),
            Step("Down, Enter: PostgreSQL.", ("Down", "Enter"), "\u276f Kafka"),
            Step("Enter, Enter: the summary.", ("Enter", "Enter"), "Create shop with"),
            Step(
                "Down, Down, Enter, Up, Enter: with SQLite, Kafka is unavailable.",
                ("Down", "Down", "Enter", "Up", "Enter"),
                "- Kafka (unavailable: needs PostgreSQL)",
            ),
            Step("Down, Enter: there is no topic without Kafka.", ("Down", "Enter"), "queue     N"),
            Step("Shift-Tab: the last question again.", ("BTab",), "Events?"),
            Step("Enter, Enter: the project.", ("Enter", "Enter"), DONE),
        ],
    ),
    Recording(
        "Ctrl-C leaves nothing",
        "scaffold new shop",
        [
            Step("The first question.", (), "FastAPI"),
            Step("Ctrl-C.", ("C-c",), DONE),
        ],
        code=130,
    ),
    Recording(
        "An option that is not valid",
        "scaffold new shop --ci gitlab",
        [Step("The options are checked while the first question is shown.", (), DONE)],
        code=2,
    ),
]
PLAIN_COMMAND = "scaffold new shop --plain"
PLAIN_LINES = ["", "?", "9", "production", "b", "2", "", "database", "sqlite"]


@pytest.fixture(scope="session")
def page() -> Iterator[dict[str, str]]:
    """The sections of docs/wizard.md; UPDATE_DOCS=1 writes those that were recorded."""
    sections: dict[str, str] = {}
    yield sections
    if os.environ.get("UPDATE_DOCS"):
        PAGE.write_text("\n".join([HEAD, *sections.values()]))


PAGE = ROOT / "docs" / "wizard.md"
HEAD = """\
# The interview

What users see, step by step. `tests/tool/test_terminal.py` records this in tmux; `make docs` writes
the page. With `NO_COLOR` the screens are the same without colour. A terminal that cannot move its
cursor (`TERM=dumb`) gets the questions of `--plain`.
"""


def section(title: str, scenes: list[tuple[str, str]]) -> str:
    shown = "\n\n".join(f"{said}\n\n```text\n{seen}\n```" for said, seen in scenes)
    return f"## {title}\n\n{shown}\n"


def test_the_page_has_a_section_for_each_recording() -> None:
    titles = re.findall("^## (.*)$", PAGE.read_text(), re.MULTILINE)
    assert titles == [*(one.title for one in RECORDINGS), PLAIN_COMMAND]


@pytest.mark.parametrize("recording", RECORDINGS, ids=lambda one: one.title)
def test_users_see(recording: Recording, terminal: Open, page: dict[str, str]) -> None:
    page[recording.title] = section(recording.title, played(terminal(recording.command), recording))


def test_users_see_the_same_on_a_larger_terminal(terminal: Open, desk: Path) -> None:
    played(terminal(WHOLE.command, "120x40"), WHOLE)
    assert answers_of(desk / "shop")["database"] == "sqlite"


def played(window: Terminal, recording: Recording) -> list[tuple[str, str]]:
    """What was said and seen at each step; nothing may have scrolled out of sight."""
    scenes = []
    for said, keys, awaited in recording.steps:
        window.type(*keys)
        seen = window.see(awaited)
        assert seen.startswith(f"$ {recording.command}\n")
        scenes.append((said, seen))
    assert seen.endswith(f"{DONE} {recording.code}]")
    assert window.is_restored()
    return scenes


def test_line_mode(terminal: Open, page: dict[str, str]) -> None:
    window = terminal(PLAIN_COMMAND)
    for number, line in enumerate([*PLAIN_LINES, "create"], start=1):
        window.wait_for_answers(number)
        window.type(*([line] if line else []), "Enter")
    window.see(f"{DONE} 0]")
    conversation = window.screen("-S", "-")
    assert all(text in conversation for text in ("Type a number or a name.", "no choice 9"))
    assert not window.has_colour()
    page[PLAIN_COMMAND] = section(PLAIN_COMMAND, [("The whole conversation.", conversation)])


def test_a_dumb_terminal_gets_line_mode(terminal: Open) -> None:
    terminal("TERM=dumb scaffold new shop").see("Answer [FastAPI]:")


def test_without_colour_the_screen_is_the_same(terminal: Open) -> None:
    with_colour, without = (
        terminal("scaffold new shop"),
        terminal("scaffold new shop", NO_COLOR="1"),
    )
    assert with_colour.see("Ctrl-C: cancel") == without.see("Ctrl-C: cancel")
    assert (with_colour.has_colour(), without.has_colour()) == (True, False)


def test_the_questions_stay_out_of_the_output(terminal: Open, desk: Path) -> None:
    window = terminal("scaffold new shop --template ../events --no-git >../output")
    for question in ("Data?", "Events?", "Create shop with"):
        window.see(question)
        window.type("Enter")
    window.see(f"{DONE} 0]")
    assert (desk / "shop" / "README").is_file()
    assert (desk.parent / "output").read_text() == ""


def test_an_error_stands_in_the_place_of_the_question(terminal: Open) -> None:
    screen = terminal("scaffold new shop --ci gitlab").see(f"{DONE} 2]")
    assert screen.splitlines()[1].startswith("error: ci has no choice")


def test_a_terminal_that_changes_its_size_is_drawn_anew(terminal: Open) -> None:
    window = terminal("scaffold new shop", "120x40")
    window.see("Ctrl-C: cancel")
    window.resize("40x12")
    window.see("\n  Arrows: move, Enter: accept,\n  Shift-Tab: back, Ctrl-C: cancel")
    window.resize("80x24")
    window.see("\n  Arrows: move, Enter: accept, Shift-Tab: back, Ctrl-C: cancel")


@pytest.mark.parametrize(
    ("place", "way"),
    [
        ("menu", "SIGTERM"),
        ("menu", "C-d"),
        ("text", "C-c"),
        ("text", "SIGHUP"),
        ("summary", "C-c"),
        ("summary", "SIGTERM"),
        ("plain", "C-c"),
        ("plain", "C-d"),
        ("plain", "SIGTERM"),
    ],
)
def test_cancelling_leaves_nothing_anywhere(
    place: str, way: str, terminal: Open, desk: Path
) -> None:
    window = terminal(f"scaffold new shop{' --plain' if place == 'plain' else ''}")
    window.see("FastAPI")
    if place in ("text", "summary"):
        window.type("Enter")
        window.see("custom")
        window.type("Enter")
        window.see("in one sentence?")
    if place == "summary":
        window.type("Enter")
        window.see("Create shop with")

    number = signal.Signals[way] if way.startswith("SIG") else signal.SIGINT
    if way.startswith("SIG"):
        window.kill(number)
    else:
        window.type(way)

    screen = window.see(f"{DONE} {Interrupted(number).exit_code}]")
    assert screen.count("\nerror: interrupted\n\nhint: nothing was written") == 1
    assert "Traceback" not in screen
    assert listing(desk) == []
    assert window.is_restored()


@pytest.mark.parametrize("asker", ["menus.Menus", "plain.Plain"])
@pytest.mark.parametrize("path", [["shop"], []])
def test_the_first_question_waits_for_no_heavy_import(asker: str, path: list[str]) -> None:
    module, name = asker.split(".")
    code = f"""
import sys
from scaffold.cli.app import run
from scaffold.interview.{module} import {name}
from scaffold.terminal import console

def ask(self, prompt, meanwhile):
    print("before:", sorted({{"copier", "httpx", "jinja2"}} & set(sys.modules)))
    meanwhile()
    print("after:", sorted({{"copier", "httpx", "jinja2"}} & set(sys.modules)))
    raise SystemExit

{name}.ask = ask
console.is_terminal = lambda: True
run(["new", *{path!r}, *{["--plain"] if name == "Plain" else []!r}])
"""
    result = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **environment()},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert result.stdout == "before: []\nafter: ['copier', 'jinja2']\n"
