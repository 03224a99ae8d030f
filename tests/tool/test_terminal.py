"""The wizard in a real terminal, tmux: what people type and see. docs/wizard.md shows it."""

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
from dataclasses import dataclass, field
from pathlib import Path

import pytest

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


class Window:
    """A terminal of its own, in which a command runs as if typed after the prompt `$`."""

    def __init__(self, folder: Path, command: str, size: str = "80x24", **variables: str) -> None:
        # Of its own, and not among pytest's: the path of a socket must be short.
        self._folder = tempfile.TemporaryDirectory(prefix="tmux-")
        columns, lines = size.split("x")
        self._tmux(
            *("-f", "/dev/null", "new-session", "-d", "-x", columns, "-y", lines),
            f"stty -g >../before; printf '$ %s\\n' '{command}'; {command}; "
            f"echo '{DONE}' $?]; stty -g >../after; exec cat",
            folder=folder,
            variables=variables,
        )

    def type(self, *keys: str) -> None:
        """Type texts and keys by the names that tmux has for them, `BTab` for example."""
        for key in keys:
            self._tmux("send-keys", key)

    def see(self, text: str) -> str:
        """The screen without its colours, as soon as `text` is on it."""
        deadline = time.monotonic() + 30
        while text not in (screen := self.screen()):
            assert time.monotonic() < deadline, f"{text!r} is not to be seen:\n{screen}"
            time.sleep(0.03)
        return screen

    def wait_for_question(self, number: int) -> None:
        """Wait until it is asked line by line for so many answers."""
        deadline = time.monotonic() + 30
        while self.screen("-S", "-").count("Answer") < number:
            assert time.monotonic() < deadline, self.screen()
            time.sleep(0.03)

    def screen(self, *options: str) -> str:
        lines = self._tmux("capture-pane", "-p", *options).splitlines()
        return "\n".join(line.rstrip() for line in lines).rstrip()

    def process(self) -> int:
        """The process that asks."""
        shell = self._tmux("list-panes", "-F", "#{pane_pid}").strip()
        return int(Path(f"/proc/{shell}/task/{shell}/children").read_text().split()[0])

    def close(self) -> None:
        self._tmux("kill-server")
        self._folder.cleanup()

    def _tmux(
        self, *arguments: str, folder: Path | None = None, variables: dict[str, str] | None = None
    ) -> str:
        return subprocess.run(
            ["tmux", "-u", "-S", f"{self._folder.name}/socket", *arguments],
            cwd=folder,
            env={**os.environ, **environment(), **(variables or {})},
            capture_output=True,
            text=True,
            check=True,
        ).stdout


def environment() -> dict[str, str]:
    """What a user's shell has, and a `scaffold` on the PATH."""
    without = {"NO_COLOR": "", "SCAFFOLD_DEBUG": "", "COLUMNS": "", "LINES": "", "TMUX": ""}
    return {**without, "LC_ALL": "C.UTF-8", "PYTHONPATH": str(ROOT / "src"), "TERM": "xterm"}


@dataclass
class Film:
    """What was typed and what was then seen, scene by scene."""

    title: str
    command: str
    size: str = "80x24"
    scenes: list[tuple[str, str]] = field(default_factory=list)
    coloured: bool = False

    def text(self) -> str:
        shown = "\n\n".join(f"{said}\n\n```text\n{seen}\n```" for said, seen in self.scenes)
        return f"## {self.title}\n\n{shown}\n"


Script = list[tuple[str, tuple[str, ...], str]]
"""What is said of a scene, the keys that lead to it, and what is then seen."""

WHOLE: Script = [
    ("Without PATH, the name comes first.", (), "What is the service called?"),
    ("`Shop`, Enter: what is wrong is said in one line.", ("Shop", "Enter"), "must be 2 to 40"),
    ("Ctrl-U, `shop`, Enter: the preset.", ("C-u", "shop", "Enter"), "each part"),
    ("Down, Enter.", ("Down", "Enter"), "in one sentence?"),
    ("Shift-Tab goes back.", ("BTab",), "each part"),
    ("Enter, Enter: the summary.", ("Enter", "Enter"), "Make shop?"),
    ("`d`, `d`, Enter: change the database.", ("d", "d", "Enter"), "keep its data?"),
    ("Up, Enter: back in the summary, with SQLite.", ("Up", "Enter"), "database     SQLite"),
    ("`f`, Enter: what will be made.", ("f", "Enter"), "The files of shop"),
    ("Enter, `y`, Enter.", ("Enter", "y", "Enter"), DONE),
]
EXCLUDED: Script = [
    ("Another template, without presets.", (), "SQLite"),
    ("Down, Enter: with PostgreSQL, Kafka can be taken.", ("Down", "Enter"), "\u276f Kafka"),
    ("Enter, Enter: the summary.", ("Enter", "Enter"), "Make shop?"),
    (
        "`d`, Enter, Up, Enter: with SQLite, Kafka is impossible, and asked for again.",
        ("d", "Enter", "Up", "Enter"),
        "- Kafka",
    ),
    ("Down, Enter: the topic went with Kafka.", ("Down", "Enter"), "queue     None"),
    ("Shift-Tab: the last question again.", ("BTab",), "Events?"),
    ("Enter, `y`, Enter.", ("Enter", "y", "Enter"), DONE),
]
GIVEN_UP: Script = [
    ("The first question.", (), "each part"),
    ("Ctrl-C.", ("C-c",), DONE),
]
PLAIN: Script = [
    ("Numbers, names, or Enter for what is in brackets.", (), "Answer"),
    *(
        ("", (*((line,) if line else ()), "Enter"), "")
        for line in ("?", "9", "each part", "", "postgresql", "b", "1", "", "none", "", "database")
    ),
    ("", ("2", "Enter"), ""),
    ("The whole conversation.", ("yes", "Enter"), DONE),
]

Films = Callable[..., Film]


@pytest.fixture(scope="session")
def films(tmp_path_factory: pytest.TempPathFactory, template_repository: Path) -> Films:
    """`films(title, command, script)` plays a script, once."""
    played: dict[str, Film] = {}

    def play(
        title: str, command: str, script: Script, size: str = "80x24", **variables: str
    ) -> Film:
        if title not in played:
            folder = desk(tmp_path_factory.mktemp("film"), template_repository)
            played[title] = filmed(Film(title, command, size), folder, script, variables)
        return played[title]

    return play


def filmed(film: Film, folder: Path, script: Script, variables: dict[str, str]) -> Film:
    window = Window(folder, film.command, film.size, **home(folder), **variables)
    try:
        for said, keys, awaited in script:
            answers = window.screen("-S", "-").count("Answer")
            window.type(*keys)
            if said:
                window.see(awaited)
                film.coloured |= "\x1b[" in window.screen("-e")
                film.scenes.append((said, window.screen("-S", "-")))
            else:
                window.wait_for_question(answers + 1)
    finally:
        window.close()
    return film


def desk(folder: Path, repository: Path) -> Path:
    """An empty folder to work in, beside a `scaffold` and two templates."""
    (folder / "work").mkdir()
    (folder / "bin").mkdir()
    program = folder / "bin" / "scaffold"
    program.write_text(f"#!/bin/sh\nexec '{sys.executable}' -m scaffold \"$@\"\n")
    program.chmod(0o755)
    (folder / "template").symlink_to(repository)
    events = template(folder, EXCLUSIVE.partition("_scaffold_presets")[0], template__README="1")
    events.rename(folder / "events")
    git(folder / "events", "init", "--quiet")
    commit(folder / "events", "First release", tag="v1.0.0")
    return folder / "work"


def home(folder: Path) -> dict[str, str]:
    return {
        "HOME": str(folder.parent),
        "XDG_CONFIG_HOME": str(folder.parent),
        "PATH": f"{folder.parent / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "SCAFFOLD_TEMPLATE": str(folder.parent / "template"),
    }


def whole(films: Films, size: str = "80x24") -> Film:
    return films(f"The whole wizard at {size}", "scaffold new", WHOLE, size)


def excluded(films: Films) -> Film:
    command = "scaffold new shop --template ../events --no-git"
    return films("A choice that another excludes", command, EXCLUDED)


def given_up(films: Films) -> Film:
    return films("Ctrl-C leaves nothing", "scaffold new shop", GIVEN_UP)


def plain(films: Films) -> Film:
    return films("Line by line: `--plain`", "scaffold new shop --plain", PLAIN)


def test_the_page_of_the_wizard_shows_these_recordings(films: Films) -> None:
    recordings = [whole(films), whole(films, "200x50")]
    recordings += [excluded(films), given_up(films), plain(films)]
    page = "\n".join([HEAD, *(film.text() for film in recordings)])
    document = ROOT / "docs" / "wizard.md"
    if os.environ.get("UPDATE_DOCS"):
        document.write_text(page)
    assert without_counts(document.read_text()) == without_counts(page), "run `make docs`"


HEAD = """\
# The wizard

What is seen, scene by scene. `tests/tool/test_terminal.py` plays this in tmux and writes this page.
With `NO_COLOR` the screens are the same, without colours. A terminal that cannot redraw
(`TERM=dumb`) gets the questions of `--plain`.
"""


def without_counts(text: str) -> str:
    """The templates grow; how many files they have today is not what the page is about."""
    return re.sub(r" *\b\d+ files?\b", " n files", text)


@pytest.mark.parametrize("size", ["80x24", "200x50"])
def test_nothing_wraps_or_scrolls(size: str, films: Films) -> None:
    film = whole(films, size)
    for _, seen in film.scenes:
        assert seen.startswith("$ scaffold new\n")
        assert len(seen.splitlines()) <= int(size.partition("x")[2])


def test_without_colour_the_same_is_seen(films: Films) -> None:
    colourless = films("NO_COLOR", "scaffold new", WHOLE, NO_COLOR="1")
    assert colourless.scenes == whole(films).scenes
    assert (colourless.coloured, whole(films).coloured) == (False, True)


def test_without_colour_an_excluded_choice_is_marked(films: Films) -> None:
    assert "- Kafka  unavailable: needs PostgreSQL" in excluded(films).scenes[3][1]


def test_a_dumb_terminal_is_asked_as_with_plain(films: Films) -> None:
    dumb = films("TERM=dumb", "TERM=dumb scaffold new shop", PLAIN)
    asked, shown = (film.scenes[-1][1].partition("\n")[2] for film in (dumb, plain(films)))
    assert asked == shown


@pytest.fixture
def window(tmp_path: Path, template_repository: Path) -> Iterator[Callable[..., Window]]:
    (tmp_path / "desk").mkdir()
    folder = desk(tmp_path / "desk", template_repository)
    opened: list[Window] = []

    def run(command: str, **variables: str) -> Window:
        opened.append(Window(folder, command, **home(folder), **variables))
        return opened[-1]

    yield run
    for window in opened:
        window.close()


def test_a_person_makes_a_project(window: Callable[..., Window], tmp_path: Path) -> None:
    terminal = window("scaffold new shop --no-git")
    terminal.see("What kind of service?")
    terminal.type("Down", "Enter")
    terminal.see("What does it do, in one sentence?")
    terminal.type("Enter")
    terminal.see("Make shop?")
    terminal.type("Enter")
    assert "scaffold new shop --preset production --no-git" in terminal.see(f"{DONE} 0]")
    assert answers_of(tmp_path / "desk/work/shop")["database"] == "postgresql"


@pytest.mark.parametrize("way", ["Ctrl-C", "Ctrl-D", "SIGTERM"])
@pytest.mark.parametrize("place", ["preset", "text", "summary", "plain"])
def test_giving_up_leaves_nothing_anywhere(
    way: str, place: str, window: Callable[..., Window], tmp_path: Path
) -> None:
    terminal = window(f"scaffold new shop{' --plain' if place == 'plain' else ''}")
    terminal.see("each part")
    if place in ("text", "summary"):
        terminal.type("Enter")
        terminal.see("in one sentence?")
    if place == "summary":
        terminal.type("Enter")
        terminal.see("Make shop?")

    if way == "SIGTERM":
        os.kill(terminal.process(), signal.SIGTERM)
    else:
        terminal.type("C-c" if way == "Ctrl-C" else "C-d")

    screen = terminal.see(f"{DONE} {2 if way == 'SIGTERM' else 130}]")
    assert screen.count("error: interrupted") == 1
    assert "\nerror: interrupted\n\nhint: nothing was written; run the command again\n" in screen
    assert "Traceback" not in screen
    assert listing(tmp_path / "desk/work") == []
    assert modes(tmp_path / "desk/after") == (tmp_path / "desk/before").read_text()


def modes(file: Path) -> str:
    """What `stty -g` wrote after the command."""
    deadline = time.monotonic() + 10
    while not (file.is_file() and file.read_text().endswith("\n")):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return file.read_text()


def test_the_first_question_waits_for_no_heavy_import(workplace: Path) -> None:
    code = """
import sys
import tempfile
from scaffold.cli.app import run
from scaffold.interview.plain import Plain

def ask(self, prompt, meanwhile):
    heavy = {"copier", "httpx", "jinja2", "prompt_toolkit", "questionary", "rich"}
    print(prompt.text, sorted(heavy & set(sys.modules)))
    meanwhile()
    print("jinja2" in sys.modules)
    raise SystemExit

Plain.ask = ask
run(["new", *sys.argv[1:], "--plain"])
"""
    for path, question in (
        (["shop"], "What kind of service?"),
        ([], "What is the service called?"),
    ):
        result = subprocess.run(
            [sys.executable, "-c", code, *path],
            env={**os.environ, **environment()},
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert result.stdout == f"{question} []\nTrue\n"
