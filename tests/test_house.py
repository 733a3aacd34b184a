"""The house's own rules: sizes, arrows, lint, format, types; nothing heavy behind --help."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
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
    names = [(path, f, [a.arg for a in (*f.args.args, *f.args.kwonlyargs) if a.arg != "self"]) for path, f in FUNCTIONS]
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


@pytest.mark.parametrize("command", [["ruff", "check", "."], ["ruff", "format", "--check", "."], ["pyright"]], ids=" ".join)
def test_lint_format_types(command):
    done = subprocess.run([sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_arrows_point_one_way():
    done = subprocess.run([Path(sys.executable).with_name("lint-imports")], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_help_loads_nothing_heavy():
    code = """import sys
from bench.cli import main
try:
    main(["table", "--help"])
except SystemExit:
    print([m for m in ("torch", "timm", "onnx", "pandas", "numpy") if m in sys.modules])"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_the_repository_stays_small():
    files = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    assert sum((ROOT / name).stat().st_size for name in files if name and (ROOT / name).exists()) < 24 * 2**20
