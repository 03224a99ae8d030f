"""The laws of the template tree (docs/architecture.md), each as a function that gives violations.

Every function takes the root of a template, so that a test can also show it a tree that breaks it.
"""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any

import yaml
from jinja2 import TemplateSyntaxError, meta, nodes
from jinja2.sandbox import SandboxedEnvironment

from scaffold.source.history import version
from scaffold.template.expressions import Jinja
from scaffold.template.questions import Questionnaire
from scaffold.template.spec import load
from tests.rendering import RenderedFile

NEVER_RENDERED = {"_axes", "_stack"}
SOURCE_CODE = {".py", ".ts", ".js", ".go", ".java", ".rb", ".rs", ".sql", ".sh"}
MANIFESTS = 8
STATEMENTS_PER_LINE = 3 / 100
LONGEST_PATH = 120

_STATEMENT = re.compile(r"{%[-+]?\s*(?!end|from|\s)")
_TAG = re.compile(r"{[{%].*?[%}]}", re.DOTALL)
_RESIDUE = re.compile(r"(?<!\$){{|{%|{#")
_NOT_FROM_ANSWERS = {"now", "make_secret", "_folder_name", "_copier_python", "_external_data"}
_NOT_REPEATABLE = {
    "ans_random", "random", "shuffle", "strftime", "to_datetime", "to_uuid", "password_hash",
    "expandvars", "expanduser", "realpath", "fileglob", "pathjoin",
}  # fmt: skip
_FORBIDDEN_IN_NAMES = re.compile(r'["|<>?*:\\]')


def plain_by_default(root: Path) -> list[str]:
    """1. A file has the suffix only when it needs a value."""
    return [
        f"{name(root, file)} needs no .jinja: it has no value"
        for file in rendered_templates(root)
        if not _TAG.search(file.read_text())
    ]


def statements_in_few_manifests(root: Path) -> list[str]:
    """2. Source code has no statements; few manifests have, and few of them."""
    with_statements = [
        file for file in rendered_templates(root) if _STATEMENT.search(file.read_text())
    ]
    violations = [
        f"{name(root, file)} is source code with a statement"
        for file in with_statements
        if PurePosixPath(file.stem).suffix in SOURCE_CODE
    ]
    for stack in stacks(root):
        manifests = [file for file in with_statements if _is_of(root, file, stack)]
        lines = sum(len(file.read_text().splitlines()) for file in manifests)
        statements = sum(len(_STATEMENT.findall(file.read_text())) for file in manifests)
        if len(manifests) > MANIFESTS:
            violations.append(f"{stack} has {len(manifests)} files with statements")
        if statements > max(round(STATEMENTS_PER_LINE * lines), 3):
            violations.append(f"{stack} has {statements} statements in {lines} lines of manifests")
    return violations


def one_path_one_owner(root: Path, given: Mapping[str, Any]) -> list[str]:
    """3. With these answers, no two files of the template have one path in the project."""
    jinja, questionnaire = _questionnaire(root)
    context = {
        **questionnaire.answers(given).context,
        "_copier_conf": {"answers_file": jinja.template.answers_file},
    }
    owners: dict[str, str] = {}
    violations = []
    for path, owner in _paths(jinja, context, root / "template", PurePosixPath()):
        if path in owners:
            violations.append(f"{path} is written by {owners[path]} and by {owner}")
        owners[path] = owner
    return violations


@cache
def _questionnaire(root: Path) -> tuple[Jinja, Questionnaire]:
    """Read once for all combinations: that takes longer than the check of one."""
    jinja = Jinja(load(root))
    return jinja, Questionnaire(jinja)


def a_choice_is_a_record(root: Path) -> list[str]:
    """5. No file asks what an answer is called: it asks the record, or the layers it names."""
    questions = "|".join(question.name for question in load(root).asked if question.choices)
    by_name = re.compile(
        rf"\b({questions})\s*(==|!=|\bin\b|\bis\b)|(==|!=)\s*({questions})\b|\buse\.\w|\buse\[['\"]"
    )
    return [
        f"{name(root, file)} branches on a name: {tag}"
        for file in rendered_templates(root)
        for tag in _TAG.findall(file.read_text())
        if by_name.search(tag)
    ]


def nothing_runs_on_the_users_machine(root: Path) -> list[str]:
    """6. No task edits what was rendered; no extension and no trust is needed."""
    text = (root / "copier.yml").read_text()
    keys = ("_tasks", "_jinja_extensions")
    return [f"copier.yml has {key}" for key in keys if re.search(rf"^{key}:", text, re.MULTILINE)]


def formatted(files: Iterable[RenderedFile]) -> list[str]:
    """6. What is rendered needs no formatting, and shows no trace of Jinja."""
    violations = []
    for file in files:
        text = file.content.decode()
        lines = text.split("\n")
        violations += [
            f"{file.path}:{number} ends with a space"
            for number, line in enumerate(lines, 1)
            if line != line.rstrip()
        ]
        violations += [
            f"{file.path}:{number} has a trace of Jinja: {line.strip()}"
            for number, line in enumerate(lines, 1)
            if _RESIDUE.search(line)
        ]
        if text and (not text.endswith("\n") or text.endswith("\n\n") or text.startswith("\n")):
            violations.append(f"{file.path} does not begin with text and end with one line break")
        if re.search(r"\n\n\n\n", text) or (
            file.path.suffix not in (".py", ".mako") and "\n\n\n" in text
        ):
            violations.append(f"{file.path} has stray blank lines")
    return violations


def names_resolve(files: Iterable[RenderedFile]) -> list[str]:
    """4. Whatever was chosen, each name that a module imports from the service is there."""
    trees = {
        _module(file.path): ast.parse(file.content)
        for file in files
        if file.path.suffix == ".py" and file.path.parts[0] == "src"
    }
    public = {module: set(_defined(_others(module, tree))) for module, tree in trees.items()}
    violations = []
    for module, tree in trees.items():
        for node in ast.walk(tree):
            if not isinstance(node, ast.ImportFrom) or node.level or node.module is None:
                continue
            if node.module.partition(".")[0] != "app":
                continue
            for alias in node.names:
                if f"{node.module}.{alias.name}" in trees:
                    continue
                if alias.name not in public.get(node.module, ()):
                    violations.append(f"{module} imports {alias.name}, which {node.module} lacks")
    return violations


def _others(module: str, tree: ast.Module) -> list[ast.stmt]:
    """The statements of a module without its imports from itself: a package imports its modules."""
    return [
        line
        for line in tree.body
        if not (isinstance(line, ast.ImportFrom) and line.module == module)
    ]


def every_byte_from_answers(root: Path) -> list[str]:
    """7. Templates read answers and facts alone, and compute the same each time."""
    template = load(root)
    known = {question.name for question in template.questions}
    known |= {"_copier_answers", "_copier_conf"}
    environment = _environment()
    violations = []
    for file in templates(root):
        try:
            tree = environment.parse(file.read_text())
        except TemplateSyntaxError as error:
            violations.append(f"{name(root, file)}: {error}")
            continue
        used = meta.find_undeclared_variables(tree)
        filters = {node.name for node in tree.find_all(nodes.Filter)}
        # A file that is never rendered by itself may take parameters.
        foreign = used & _NOT_FROM_ANSWERS if NEVER_RENDERED & set(file.parts) else used - known
        attributes = set(re.findall(r"_copier_conf\.(\w+)", file.read_text())) - {"answers_file"}
        violations += [
            *(f"{name(root, file)} reads {word}, which is no answer" for word in sorted(foreign)),
            *(
                f"{name(root, file)} uses {word}, which changes from run to run"
                for word in sorted(filters & _NOT_REPEATABLE)
            ),
            *(f"{name(root, file)} reads _copier_conf.{word}" for word in sorted(attributes)),
        ]
    if "secret: true" in (root / "copier.yml").read_text():
        violations.append("copier.yml has a secret question: an update could not replay it")
    return violations


def strict_settings(root: Path) -> list[str]:
    """8. Jinja is strict and leaves no blank lines; exclusions are names, includes single files."""
    template = load(root)
    wanted = {
        "trim_blocks": True,
        "lstrip_blocks": True,
        "keep_trailing_newline": True,
        "undefined": "jinja2.StrictUndefined",
    }
    violations = [] if template.environment == wanted else [f"_envops is {template.environment}"]
    missing = {"_axes", "_stack", "__pycache__", "*.pyc", ".DS_Store"} - set(template.exclude)
    violations += [f"_exclude lacks {pattern}" for pattern in sorted(missing)]
    violations += [
        f"_exclude has {pattern}: only names and simple patterns"
        for pattern in template.exclude
        if re.search(r"[/!{]|\*\*", pattern)
    ]
    includes = re.findall(r"!include (.+)", (root / "copier.yml").read_text())
    return violations + [
        f"!include {path} is no single file" for path in includes if not (root / path).is_file()
    ]


def what_goes_is_told(root: Path, repository: Path) -> list[str]:
    """9. A path of the last release that is gone has moved by a migration, or is told as dropped.

    So that edits of a renamed file move with it, and nobody drops a file by mistake.
    """
    listed = _git(repository, "tag", "--merged", "HEAD", "--sort=version:refname").split()
    releases = [tag for tag in listed if re.fullmatch(r"v\d+(\.\d+)*", tag)]
    if not releases:
        return []
    last = releases[-1]
    tracked = _git(repository, "ls-tree", "-r", "-z", "--name-only", last, "--", "template")
    before = {_destination(path) for path in tracked.split("\0")[:-1] if _is_rendered(path)}
    files = (path for path in (root / "template").rglob("*") if path.is_file())
    rendered = (path.relative_to(root).as_posix() for path in files)
    now = {_destination(path) for path in rendered if _is_rendered(path)}
    settings = _settings(root / "copier.yml")
    moves = {entry["command"][2]: entry for entry in settings.get("_migrations", ())}
    dropped = set(settings.get("_scaffold_dropped", ()))
    return [
        *(
            f"{path} is gone since {last}: add a move to _migrations, or add it to "
            "_scaffold_dropped"
            for path in sorted(before - now - moves.keys() - dropped)
        ),
        *(f"{path} is no path of {last} that is gone" for path in sorted(dropped - (before - now))),
        *(
            f"{path} moves with {moves[path]['version']}, which is not after {last}"
            for path in sorted((before - now) & moves.keys())
            if version(str(moves[path]["version"])) <= version(last)
        ),
        *(
            f"{path} moves to {target}, which is no path of the template"
            for path in sorted((before - now) & moves.keys())
            if (target := _last_name(path, moves)) not in now
        ),
    ]


def portable_names(root: Path) -> list[str]:
    """10. Names survive wheels and Windows: no odd characters, links or empty folders; short."""
    violations = []
    for path in sorted((root / "template").rglob("*")):
        shown = path.relative_to(root / "template").as_posix()
        if "__pycache__" in path.parts:
            continue
        if _FORBIDDEN_IN_NAMES.search(shown):
            violations.append(f"{shown} has a character that Windows forbids")
        if len(shown) > LONGEST_PATH:
            violations.append(f"{shown} is {len(shown)} characters long")
        if path.is_symlink():
            violations.append(f"{shown} is a link")
        elif path.is_dir() and not any(path.iterdir()):
            violations.append(f"{shown} is an empty folder")
    return violations


def templates(root: Path) -> list[Path]:
    """All Jinja files of the tree."""
    return sorted((root / "template").rglob("*.jinja"))


def rendered_templates(root: Path) -> list[Path]:
    """The Jinja files that become files of a project."""
    return [file for file in templates(root) if not NEVER_RENDERED & set(file.parts)]


def stacks(root: Path) -> list[str]:
    """The folders that hold a stack."""
    return [file.parts[-3] for file in sorted((root / "template").glob("*/_stack/stack.yml"))]


def name(root: Path, file: Path) -> str:
    """A file as messages show it."""
    return file.relative_to(root / "template").as_posix()


def _paths(
    jinja: Jinja, context: Mapping[str, Any], folder: Path, path: PurePosixPath
) -> Iterator[tuple[str, str]]:
    """Each file below `folder` that is rendered: its path in the project, and in the template."""
    for entry in sorted(folder.iterdir()):
        part = jinja.text(entry.name.removesuffix(".jinja"), context)
        if not part or any(fnmatchcase(part, excluded) for excluded in jinja.template.exclude):
            continue
        if entry.is_dir():
            yield from _paths(jinja, context, entry, path / part)
        else:
            yield str(path / part), name(jinja.template.root, entry)


def _is_of(root: Path, file: Path, stack: str) -> bool:
    """Whether a project of the stack may have the file: its own ones, and those it shares."""
    top = file.relative_to(root / "template").parts[0]
    return top in (stack, _language(root, stack)) or top not in [
        *stacks(root),
        *(_language(root, other) for other in stacks(root)),
    ]


def _language(root: Path, stack: str) -> str:
    """The folder with the code of a stack's language that is independent of the framework."""
    record = (root / "template" / stack / "_stack" / "stack.yml").read_text()
    found = re.search(r"^    language: (\w+)$", record, re.MULTILINE)
    return f"{{{{use.{found[1]}}}}}" if found else ""


def _environment() -> SandboxedEnvironment:
    return SandboxedEnvironment(extensions=["jinja2_ansible_filters.AnsibleCoreFiltersExtension"])


def _module(path: PurePosixPath) -> str:
    parts = path.with_suffix("").parts[1:]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _defined(body: Iterable[ast.stmt]) -> Iterator[str]:
    """Names that the top level of a module binds."""
    for node in body:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                yield node.name
            case ast.Import() | ast.ImportFrom():
                yield from ((alias.asname or alias.name).partition(".")[0] for alias in node.names)
            case ast.Assign():
                yield from (
                    n.id
                    for target in node.targets
                    for n in ast.walk(target)
                    if isinstance(n, ast.Name)
                )
            case ast.AnnAssign(target=ast.Name(id=identifier)):
                yield identifier
            case ast.If() | ast.Try() | ast.With():
                yield from _defined([*node.body, *getattr(node, "orelse", [])])
                for handler in getattr(node, "handlers", []):
                    yield from _defined(handler.body)


def _destination(path: str) -> str:
    """Where a file of the template goes in a project: its layers melt away."""
    folders, name = PurePosixPath(path).parts[1:-1], PurePosixPath(path).name
    parts = [*(folder for folder in folders if not folder.startswith("{{")), name]
    return "/".join(parts).removesuffix(".jinja")


def _is_rendered(path: str) -> bool:
    return not NEVER_RENDERED.intersection(PurePosixPath(path).parts) and "__pycache__" not in path


def _last_name(path: str, moves: Mapping[str, Mapping[str, Any]]) -> str:
    """Where a file is after all moves."""
    for _ in moves:
        if path in moves:
            path = str(moves[path]["command"][3])
    return path


def _settings(file: Path) -> dict[str, Any]:
    """What copier.yml itself says, without the files that it includes."""
    loader: Any = type("Loader", (yaml.SafeLoader,), {})
    loader.add_constructor("!include", lambda *_: {})
    with file.open("rb") as stream:
        documents = list(yaml.load_all(stream, loader))
    return {key: value for document in documents if document for key, value in document.items()}


def _git(repository: Path, *arguments: str) -> str:
    return subprocess.run(
        ["git", *arguments], cwd=repository, check=True, capture_output=True, text=True
    ).stdout
