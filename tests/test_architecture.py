"""The floors of the package: a module imports its own floor or a lower one; words are leaves; ceilings on files and functions hold."""

import ast
from pathlib import Path

import pytest

import pylb

ROOT = Path(pylb.__file__).parent
FLOORS = {name: level for level, name in enumerate("base wire sample config proxy stream tasks control process lab".split())}
FILE_CEILING, FUNCTION_CEILING = 600, 60
MODULES = sorted(ROOT.rglob("*.py"))


def floor_of(parts: tuple[str, ...]) -> int | None:
    """The floor of a module's path below the package; None for the leaves and for main."""
    return FLOORS.get(parts[0]) if parts else None


def runtime_imports(tree: ast.AST) -> list[str]:
    """Every module imported at run time: what stands under `if TYPE_CHECKING` is free."""
    free = {id(node) for branch in ast.walk(tree) if isinstance(branch, ast.If) and "TYPE_CHECKING" in ast.dump(branch.test) for node in ast.walk(branch)}
    names = []
    for node in ast.walk(tree):
        if id(node) in free:
            continue
        if isinstance(node, ast.ImportFrom) and node.module:
            names += [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
    return [name for name in names if name.split(".")[0] == "pylb"]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_go_down(path: Path) -> None:
    parts = path.relative_to(ROOT).parts
    own = floor_of(parts)
    tree = ast.parse(path.read_text())
    for name in runtime_imports(tree):
        target = name.split(".")[1:]
        if not target:
            continue
        if target[0] == "keywords":
            assert parts[0] in ("keywords", "main.py"), f"{path}: only main may import words ({name})"
        elif own is not None and target[0] in FLOORS:
            assert FLOORS[target[0]] <= own, f"{path}: {name} is on a higher floor"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_ceilings(path: Path) -> None:
    text = path.read_text()
    assert text.count("\n") <= FILE_CEILING
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno - node.lineno < FUNCTION_CEILING, f"{path}: {node.name} is too long"


@pytest.mark.parametrize("path", [p for p in MODULES if p.name != "__init__.py"], ids=lambda path: str(path.relative_to(ROOT)))
def test_every_module_says_what_it_is(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text()))
