"""Which code made a number: the git commit of this checkout."""

import functools
import hashlib
import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CODE = ("bench", "export", "runtime", "pyproject.toml", "constraints.txt")  # what a number can depend on


@functools.cache
def commit() -> str:
    """The commit; where its code was changed, `+` and a digest of the change: two changes are two versions.

    Outside a git checkout $FVIT_COMMIT, which a copy without .git is started with, or "unknown".
    """
    try:
        head, changed = _git("rev-parse", "--short=12", "HEAD"), _git("diff", "HEAD", "--", *CODE)
        for name in _git("ls-files", "--others", "--exclude-standard", "--", *CODE).splitlines():
            changed += name + hashlib.sha256((ROOT / name).read_bytes()).hexdigest()
    except (OSError, subprocess.CalledProcessError):
        return os.environ.get("FVIT_COMMIT", "unknown")
    return f"{head}+{hashlib.sha256(changed.encode()).hexdigest()[:6]}" if changed else head


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
