"""The house's own rules of size and style; lint, format, types and arrows are checked by `./run test` beside pytest."""

import ast
import re
from collections import Counter

from runtime.provenance import ROOT

FILES = sorted(path for package in ("bench", "export", "runtime") for path in (ROOT / package).rglob("*.py"))
FUNCTIONS = [(path, node) for path in FILES for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef)]


def length(function: ast.FunctionDef) -> int:
    docstring = ast.get_docstring(function, clean=False)
    return function.end_lineno - function.lineno + 1 - (docstring.count("\n") + 1 if docstring else 0)


def test_no_file_over_250_lines():
    assert [str(path) for path in FILES if len(path.read_text().splitlines()) > 250] == []


def test_no_function_over_50_lines_and_half_of_them_under_10():
    lengths = sorted(length(function) for _, function in FUNCTIONS)
    assert lengths[-1] <= 50 and lengths[len(lengths) // 2] <= 10


def test_at_most_six_arguments():
    """But for a command's `run`, whose signature declares the options."""
    names = [
        (path, f, [a.arg for a in (*f.args.args, *f.args.kwonlyargs) if a.arg != "self"])
        for path, f in FUNCTIONS
        if (path.parent.name, f.name) != ("commands", "run") or path.name.startswith("_")
    ]
    many = [f"{path.name}:{f.name}" for path, f, arguments in names if len(arguments) > 6]
    assert many == []


def test_no_error_is_swallowed():
    bare = [
        f"{path.name}:{node.lineno}"
        for path in FILES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ExceptHandler) and all(isinstance(line, ast.Pass) for line in node.body)
    ]
    assert bare == []


def test_only_the_schedule_knows_the_networks_range():
    knows = [path.name for path in FILES if "[-1, 1]" in path.read_text() and path.parent.name == "runtime"]
    assert set(knows) <= {"schedule.py", "denoise.py", "unet.py"}  # the other two name it in their docstrings


def test_a_class_has_a_name_of_its_own():
    names = Counter(node.name for path in FILES for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ClassDef))
    assert [name for name, count in names.items() if count > 1] == []


def test_rows_are_classes_outside_records():
    """No row is subscripted by a string or asked with `get`."""
    subscripts = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in FILES
        if path.is_relative_to(ROOT / "bench") and path.parent not in (ROOT / "bench/records", ROOT / "bench/worlds/data")
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if re.search(r"\b(row|head)(\[[\"']|\.get\()", line)
    ]
    assert subscripts == []


def test_the_library_names_no_command():
    """`runtime` and `export` say what is wrong; `bench/cli.py` knows which option mends it."""
    named = [
        f"{path.relative_to(ROOT)}:{node.lineno}: {node.value}"
        for path in FILES
        if path.is_relative_to(ROOT / "runtime") or path.is_relative_to(ROOT / "export")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and re.search(r"[\s(]--[a-z]|\bfvit [a-z]", node.value)
    ]
    assert named == []
