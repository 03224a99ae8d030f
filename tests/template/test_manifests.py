"""The files around the code of a generated project."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from scaffold.template.spec import STACK_RECORD
from scaffold.terminal.errors import Problem
from tests.combinations import NAME, TEMPLATE, answered, each_row, language

MANIFESTS = (
    *("Makefile", "README.md", "AGENTS.md", "CHANGELOG.md", ".env.example"),
    *("compose.yaml", "Dockerfile", ".dockerignore", ".gitignore"),
)
MANIFESTS_OF = {
    "python": ("pyproject.toml", "requirements.txt", "requirements-dev.txt"),
    "node": ("package.json", "package-lock.json", "tsconfig.json", ".oxlintrc.json", ".npmrc"),
}

Rendered = Callable[..., Path]


def tool(name: str, *arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a linter of this environment."""
    program = Path(sys.executable).with_name(name)
    return subprocess.run(
        [program, *arguments], cwd=cwd, capture_output=True, text=True, check=False
    )


@each_row()
def test_manifests_have_no_trace_of_the_template(
    rendered: Rendered, answers: Mapping[str, Any]
) -> None:
    project = rendered(**answers)
    files = [project / name for name in (*MANIFESTS, *MANIFESTS_OF[language(answers)])]
    files += [*project.glob("docs/**/*.md"), *project.glob(".github/**/*.yml")]
    for file in files:
        text = file.read_text()
        assert not re.search(r"\{%|\{#|(?<!\$)\{\{", text), file
        assert not re.search(r"\n\n\n|[ \t]\n|\A\s", text), f"stray space in {file}"
        assert text.endswith("\n"), file
        assert not text.endswith("\n\n"), file


@each_row()
def test_the_example_environment_lists_every_setting_once_with_its_default(
    rendered: Rendered, answers: Mapping[str, Any]
) -> None:
    project = rendered(**answers)
    documented = re.findall(
        r"^(?:# )?([A-Z_]+)=(\S*) +# \S", (project / ".env.example").read_text(), re.MULTILINE
    )

    assert len(documented) == len(dict(documented))
    assert dict(documented) == READERS[language(answers)](project)


@each_row()
def test_links_between_pages_lead_somewhere(rendered: Rendered, answers: Mapping[str, Any]) -> None:
    project = rendered(**answers)
    for page in (*project.glob("*.md"), *project.glob("docs/**/*.md")):
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


@each_row()
def test_the_readme_lists_every_page(rendered: Rendered, answers: Mapping[str, Any]) -> None:
    project = rendered(**answers)
    readme = (project / "README.md").read_text()

    for page in project.glob("docs/*.md"):
        assert f"(docs/{page.name})" in readme


@each_row()
def test_pages_name_only_targets_that_exist(rendered: Rendered, answers: Mapping[str, Any]) -> None:
    project = rendered(**answers)
    targets = set(re.findall(r"^([a-z-]+):", (project / "Makefile").read_text(), re.MULTILINE))
    pages = [*project.glob("*.md"), *project.glob("docs/**/*.md")]
    named = {
        target
        for page in pages
        for command in re.findall(r"(?:`|^)make ([a-z -]+)", page.read_text(), re.MULTILINE)
        for target in command.split()
    }

    assert named - targets - {"m"} == set()


def test_make_help_lists_every_target_of_the_contract(rendered: Rendered) -> None:
    said = subprocess.run(
        ["make", "help"], cwd=rendered(), capture_output=True, text=True, check=True
    ).stdout
    listed = set(re.findall(r"^  make ([a-z-]+) ", said, re.MULTILINE))

    assert {"setup", "dev", "run", "worker", "migrate", "test"} <= listed
    assert {"lint", "check", "load", "help"} <= listed


@each_row(ci="github")
def test_the_composition_and_the_workflow_follow_their_schemas(
    rendered: Rendered, answers: Mapping[str, Any]
) -> None:
    project = rendered(**answers)
    for schema, file in (
        ("vendor.compose-spec", "compose.yaml"),
        ("vendor.github-workflows", ".github/workflows/ci.yml"),
    ):
        result = tool("check-jsonschema", f"--builtin-schema={schema}", file, cwd=project)
        assert result.returncode == 0, result.stdout


@each_row(ci="github")
def test_the_workflow_gives_its_linters_nothing_to_say(
    rendered: Rendered, answers: Mapping[str, Any]
) -> None:
    workflow = rendered(**answers) / ".github/workflows/ci.yml"
    for name, *options in (["actionlint"], ["zizmor", "--offline", "--no-progress"]):
        result = tool(name, *options, workflow, cwd=workflow.parent)
        assert result.returncode == 0, result.stdout + result.stderr


def test_the_image_gives_its_linter_nothing_to_say(rendered: Rendered) -> None:
    result = tool("hadolint", "Dockerfile", cwd=rendered())

    assert result.returncode == 0, result.stdout


def test_the_workflow_checks_with_the_python_of_the_image(rendered: Rendered) -> None:
    project = rendered()
    images = re.findall(
        r"^FROM python:([0-9.]+)-", (project / "Dockerfile").read_text(), re.MULTILINE
    )
    [checked] = re.findall(
        r"make check PYTHON_VERSION=(\S+)", (project / ".github/workflows/ci.yml").read_text()
    )

    assert set(images) == {checked}


@pytest.mark.parametrize(
    ("targets", "servers"),
    [
        (("migrate", "seed", "reset", "shell"), ["postgresql"]),
        (("run", "worker"), ["postgresql", "cache", "rabbitmq"]),
    ],
)
def test_targets_start_the_servers_that_they_use(
    rendered: Rendered, targets: tuple[str, ...], servers: list[str]
) -> None:
    for target in targets:
        commands = subprocess.run(
            ["make", "--no-print-directory", "--dry-run", "--assume-old=.venv/locked", target],
            cwd=rendered(database="postgresql", cache="redis", queue="rabbitmq"),
            capture_output=True,
            text=True,
            check=True,
        ).stdout

        assert re.findall(r"scripts/local_(\w+)\.py", commands.splitlines()[0]) == servers


@each_row(auth="jwt")
def test_the_docs_tell_how_long_other_replicas_accept_a_revoked_session(
    rendered: Rendered, answers: Mapping[str, Any]
) -> None:
    project = rendered(**answers)
    default = READERS[language(answers)](project)["AUTH_RECHECK_SECONDS"]
    page = " ".join((project / "docs/auth.md").read_text().split())

    assert f"`AUTH_RECHECK_SECONDS` ({default})" in page
    assert f"within {default} seconds in other replicas" in page


@each_row(cache="memory")
def test_the_docs_tell_that_processes_do_not_share_rate_limits(
    rendered: Rendered, answers: Mapping[str, Any]
) -> None:
    project = rendered(**answers)

    assert "Each process counts rate limits on its own" in (project / "README.md").read_text()
    assert "up to N times the rate limit" in (project / "docs/api.md").read_text()


def test_actions_are_pinned_to_a_commit(rendered: Rendered) -> None:
    text = (rendered() / ".github/workflows/ci.yml").read_text()
    used = re.findall(r"uses: (\S+)", text)

    assert used
    assert all(re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", action) for action in used)


@each_row()
def test_only_servers_are_started_beside_the_service(
    rendered: Rendered, answers: Mapping[str, Any]
) -> None:
    services = yaml.safe_load((rendered(**answers) / "compose.yaml").read_text())["services"]
    servers = {
        ("database", "postgresql"): "database",
        ("database", "mysql"): "database",
        ("database", "mongodb"): "database",
        ("queue", "rabbitmq"): "broker",
        ("queue", "redis"): "broker",
        ("queue", "sqs"): "broker",
        ("queue", "kafka"): "broker",
        ("cache", "redis"): "cache",
        ("cache", "memcached"): "cache",
    }
    needed = {servers[answer] for answer in answers.items() if answer in servers}

    assert set(services) == {"migrate", "api", "worker"} | needed


@pytest.mark.parametrize("description", ["Ümlaut", "It's #1: yes", "x" * 100])
def test_any_description_makes_a_valid_project(rendered: Rendered, description: str) -> None:
    project = rendered(description=description)
    package = (project / "src/app/__init__.py").read_text()
    manifest = tomllib.loads((project / "pyproject.toml").read_text())
    document = json.loads((project / "docs/openapi.json").read_text())

    assert ast.get_docstring(ast.parse(package), clean=False) == f"{description}."
    assert max(map(len, package.splitlines())) <= manifest["tool"]["ruff"]["line-length"]
    assert manifest["project"]["description"] == description
    assert document["info"]["description"] == f"{description}."


@pytest.mark.parametrize(
    "description",
    [
        *("", " ", "x" * 101, "two\nlines", 'Sells "tea"', "Back\\slash"),
        *("a\ttab", "\x7f", "\x85", "\u2028"),
    ],
    ids=ascii,
)
def test_what_no_docstring_can_hold_is_refused(description: str) -> None:
    with pytest.raises(Problem, match="one line of 1 to 100 characters without double quotes"):
        answered({"description": description})


def settings_in_python(project: Path) -> dict[str, str]:
    """Each variable that the settings classes read, with its default as in `.env`."""
    return dict(_fields(project / "src/app/config"))


def settings_in_typescript(project: Path) -> dict[str, str]:
    """Each variable that is read, with its default as in `.env`; a computed one counts as unset."""
    read = re.compile(
        r"\b(?:env\.(?!refuse)\w+|read[A-Z]\w*)\((?:env, )?\s*'([A-Z_]+)'"
        r"(?:,\s*(?:\[[^]]*\],\s*|Math\.max\()?"
        r"(\['[^']*'\]|'[^']*'|(?:[\d_]+|[A-Z_]+)(?=[,)])))?"
    )
    constant = re.compile(r"^(?:export )?const ([A-Z_]+) = '([^']*)';$", re.MULTILINE)
    texts = [file.read_text() for file in sorted((project / "src/config").glob("*.ts"))]
    constants = {"NAME": NAME, **dict(constant.findall("\n".join(texts)))}
    found: dict[str, str] = {}
    for text in texts:
        for name, default in read.findall(text):
            number_or_text = default.strip("[]'").replace("_", "")
            found[name] = found.get(name) or constants.get(default, number_or_text)
    return found


READERS = {"python": settings_in_python, "node": settings_in_typescript}


def _fields(folder: Path) -> Iterator[tuple[str, str]]:
    for file in sorted(folder.glob("*.py")):
        module = ast.parse(file.read_text())
        constants = {"NAME": NAME, **dict(_constants(module))}
        for line in ast.walk(module):
            if isinstance(line, ast.ClassDef):
                for field in line.body:
                    if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
                        yield field.target.id.upper(), _default(field.value, constants)


def _constants(module: ast.Module) -> Iterator[tuple[str, Any]]:
    for line in module.body:
        match line:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=value)):
                yield name, value
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.JoinedStr() as text):
                yield name, ast.unparse(text)[2:-1].replace("{NAME}", NAME)


def _default(value: ast.expr | None, constants: Mapping[str, Any]) -> str:
    match value:
        case ast.Call(func=ast.Name(id="Field"), keywords=keywords):
            [default] = [keyword.value for keyword in keywords if keyword.arg == "default"]
            return _default(default, constants)
        case ast.Name(id=name):
            return str(constants[name])
        case ast.List(elts=parts) | ast.Tuple(elts=parts):
            return ",".join(ast.literal_eval(part) for part in parts)
        case ast.Constant(value=None) | ast.Dict(keys=[]):
            return ""
        case _:
            assert value is not None
            return str(ast.literal_eval(value))


@each_row(languages=["python"])
def test_every_dependency_is_used(rendered: Rendered, answers: Mapping[str, Any]) -> None:
    """Imported, or named where a URL, a setting of a server or a command chooses it."""
    project = rendered(**answers)
    manifest = tomllib.loads((project / "pyproject.toml").read_text())
    runtime = code(project, "src", "migrations")
    commands = (project / "Makefile").read_text() + (project / "pyproject.toml").read_text()
    development = runtime + code(project, "tests", "scripts") + commands.split("[tool.", 1)[1]
    for needs, text in (
        (manifest["project"]["dependencies"], runtime),
        (manifest["dependency-groups"]["dev"], development + commands.split("[project]")[0]),
    ):
        for need in needs:
            package = re.split(r"[\[><=;]", need)[0]
            module = MODULES.get(package, package.replace("-", "_"))
            used = NAMED.get(package, rf"(?:import|from) {module}\b")
            assert re.search(used, text), need


@each_row(languages=["node"])
def test_every_dependency_of_node_is_used(rendered: Rendered, answers: Mapping[str, Any]) -> None:
    """Imported, loaded by a call, or named by a script, by the compiler or by the tests."""
    project = rendered(**answers)
    loaded = loaded_by(answers["framework"])
    manifest = json.loads((project / "package.json").read_text())
    used = [project / "vitest.config.ts", *(project / "src").rglob("*.ts")]
    runtime = "\n".join(file.read_text() for file in used)
    for package in manifest["dependencies"]:
        imported = rf"\b(from|import) '{package}(/[\w.-]+)*'"
        assert re.search(re.escape(loaded[package]) if package in loaded else imported, runtime), (
            package
        )
    tests = [file.read_text() for file in (project / "tests").rglob("*.ts")]
    named = "\n".join(
        [runtime, *tests, *manifest["scripts"].values(), (project / "tsconfig.json").read_text()]
    )
    for package in manifest["devDependencies"]:
        typed = rf"from '{package.removeprefix('@types/')}(/[\w.-]+)*'"
        name = typed if package.startswith("@types/") else rf"\b{package}\b"
        assert re.search(NAMED_ON_NODE.get(package, name), named), package


def loaded_by(framework: str) -> dict[str, str]:
    """The packages that no module imports, and the call by which another package loads each."""
    [record] = [q.default for q in TEMPLATE.questions if q.name == f"{STACK_RECORD}{framework}"]
    packages = [package for package in record["packages"] if "loaded_by" in package]
    return {package["need"].rpartition("@")[0]: package["loaded_by"] for package in packages}


NAMED_ON_NODE = {
    "@types/node": r'"types": \["node"\]',
    "@vitest/coverage-v8": "provider: 'v8'",
    "oxlint-tsgolint": "--type-aware",
    "typescript": r"\btsc\b",
}
MODULES = {
    "aio-pika": "aio_pika",
    "argon2-cffi": "argon2",
    "pyjwt": "jwt",
    "types-aiobotocore-lite": "types_aiobotocore_sqs",
}
NAMED = {
    "aiosqlite": r"sqlite\+aiosqlite",
    "cryptography": r"mysql\+asyncmy",  # the driver imports it where a server needs it
    "email-validator": "EmailStr",
    "squawk-cli": 'with_name\\("squawk"\\)',
    "fastapi-offline": 'packages=\\[\\("fastapi_offline"',
    "httptools": 'http="httptools"',
    "import-linter": "lint-imports",
    "mypy": "/mypy",
    "pytest-cov": "--cov",
    "ruff": "/ruff",
    "uvloop": 'loop="uvloop"',
    "watchfiles": "reload=True",  # uvicorn watches with it
}


def code(project: Path, *folders: str) -> str:
    """All code in some folders."""
    files = [file for folder in folders for file in sorted((project / folder).rglob("*.py"))]
    return "\n".join(file.read_text() for file in files)
