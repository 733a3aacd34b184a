"""The house seen from outside: nothing heavy behind --help, and a small repository."""

import subprocess
import sys

from runtime.provenance import ROOT


def test_help_loads_nothing_heavy():
    """Nor, behind the list of commands, a command; nor, behind a command line that is only understood, PyTorch."""
    code = """import sys
from bench.cli import main, parse
from runtime.plugins import names
for words in ([], *([name, "--help"] for name in names("bench.commands"))):
    assert main(words) == 0
    if not words:
        print([m for m in sys.modules if m.startswith("bench.commands.") and "._" not in m])
parse(["table", "1", "--world", "paper", "--data", "coco", "root=x"])
print([m for m in ("torch", "timm", "onnx", "pandas", "numpy", "jaxtyping", "matplotlib") if m in sys.modules])"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert [line for line in done.stdout.splitlines() if line.startswith("[")] == ["[]", "[]"], done.stdout


def test_the_repository_stays_small():
    files = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    assert sum((ROOT / name).stat().st_size for name in files if name and (ROOT / name).exists()) < 24 * 2**20
