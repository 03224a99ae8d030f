"""Shows a list of files as a tree that people can read."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import Any

# A folder maps names to folders; to a file it maps None.
_Folder = dict[str, Any]


def tree(paths: Iterable[PurePosixPath]) -> list[str]:
    """One line for each folder and each file, folders first."""
    return _lines(_grown(paths))


def overview(paths: Iterable[PurePosixPath], rows: int) -> list[str]:
    """At most `rows` lines: the folders, as deep as that allows, and how many files each holds.

    The last line names the files that are in no folder.
    """
    root = _grown(paths)
    depth = _height(root)
    while depth > 1 and len(_folders(root, depth)) >= rows:
        depth -= 1
    folders = _folders(root, depth)
    if len(folders) >= rows:
        folders = [*folders[: rows - 2], f"and {len(folders) - rows + 2} more folders"]
    return [*folders, ", ".join(name for name, inner in _sorted(root) if inner is None)]


def _grown(paths: Iterable[PurePosixPath]) -> _Folder:
    root: _Folder = {}
    for path in paths:
        folder = root
        for part in path.parts[:-1]:
            folder = folder.setdefault(part, {})
        folder[path.name] = None
    return root


def _lines(folder: _Folder, indent: str = "") -> list[str]:
    lines = []
    for name, inner in _sorted(folder):
        lines.append(f"{indent}{name}{'' if inner is None else '/'}")
        lines += _lines(inner or {}, f"{indent}  ")
    return lines


def _folders(folder: _Folder, depth: int, indent: str = "") -> list[str]:
    lines = []
    for name, inner in _sorted(folder):
        if inner is not None:
            path, deepest = _joined(f"{name}/", inner)
            number = _count(deepest)
            lines.append(f"{indent}{path:<24}{number:>{8 - len(indent)}} file{'s'[: number != 1]}")
            lines += _folders(deepest, depth - 1, f"{indent}  ") if depth > 1 else []
    return lines


def _joined(path: str, folder: _Folder) -> tuple[str, _Folder]:
    """A folder that holds one folder and nothing else shares its line."""
    while len(folder) == 1 and (inner := next(iter(folder.values()))):
        path += f"{next(iter(folder))}/"
        folder = inner
    return path, folder


def _sorted(folder: _Folder) -> list[tuple[str, Any]]:
    return sorted(folder.items(), key=lambda item: (item[1] is None, item[0]))


def _count(folder: _Folder) -> int:
    return sum(1 if inner is None else _count(inner) for inner in folder.values())


def _height(folder: _Folder) -> int:
    return max((1 + _height(inner) for inner in folder.values() if inner), default=0)
