"""`fvit train` in a separate process."""

import os
import subprocess
import sys

from bench.worlds.training import train
from runtime.provenance import ROOT


def test_the_command_line_makes_its_pictures_in_a_separate_process(tmp_path):
    command = [sys.executable, "-m", "bench", "train", "denoiser", "--minutes", "1e-6"]
    done = subprocess.run(command, cwd=ROOT, env=os.environ | {"FVIT_CACHE": str(tmp_path)}, capture_output=True, text=True)
    assert done.returncode == 0 and "denoiser: stopped at step 1 of " in done.stdout, done.stdout + done.stderr
    assert train.WORKERS == 1 and (tmp_path / "train" / "denoiser.safetensors").is_file()
