"""The light list of names is what the heavy modules offer; a file is replaced completely or not at all."""

import os
import platform
import subprocess
import sys

import pytest

from export import parity
from runtime import fuse, names, network, noise
from runtime.certificates import certify
from runtime.diffusion import denoise, networks, schedule
from runtime.explainers import _matrices, gradcam, lrp
from runtime.files import replaced
from runtime.maps import relevance


def test_the_names_are_those_of_the_modules():
    assert tuple(network.DTYPES) == names.FLOATS and tuple(parity.TOLERANCE) == names.PRECISIONS
    assert tuple(schedule.RULES) == names.RULES == (*names.PRINTED_RULES, "released", "per-step-literal")
    assert tuple(denoise.DENOISERS) == names.DENOISERS and networks.NAMES == names.DENOISER_NETWORKS
    assert tuple(fuse.FUSES) == names.FUSES and tuple(relevance.RULES) == names.RELEVANCE_RULES
    assert tuple(_matrices.FUSIONS) == names.HEAD_FUSIONS and _matrices.NORMALISE == names.NORMALISATIONS
    assert tuple(gradcam.FORMS) == names.GRADCAM_FORMS and lrp.FORMS == names.LRP_FORMS
    assert tuple(certify.CORRECTIONS) == names.CORRECTIONS and tuple(noise.LAWS) == names.NOISES


def test_they_load_nothing_heavy():
    code = "import sys, runtime.names, runtime.plugins; print([m for m in ('torch', 'numpy', 'timm', 'scipy') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"


def test_a_file_is_replaced_completely(tmp_path):
    path = tmp_path / "deep" / "a.json"
    with replaced(path) as temporary:
        temporary.write_text("first")
        assert not path.exists()
    with pytest.raises(ValueError, match="half"), replaced(path) as temporary:
        temporary.write_text("sec")
        raise ValueError("half")
    assert path.read_text() == "first" and [file.name for file in path.parent.iterdir()] == ["a.json"]


def test_what_a_killed_process_left_goes_and_what_another_one_writes_stays(tmp_path):
    dead, here = 2**22 + 1, platform.node()  # above Linux's largest process id
    gone = [f".making-{dead}@{here}-a.json", f".making-{dead}@{here}-b.json", ".making-1-old.json"]
    kept = [f".making-{os.getppid()}@{here}-a.json", f".making-{dead}@another-a.json"]
    for name in (*gone, *kept):
        (tmp_path / name).write_text("half")
    for name in (gone[-1], kept[0]):
        os.utime(tmp_path / name, (0, 0))
    with replaced(tmp_path / "a.json") as temporary:
        temporary.write_text("all")
    assert sorted(file.name for file in tmp_path.iterdir()) == sorted([*kept, "a.json"])
