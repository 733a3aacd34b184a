"""`fvit explain`: a panel, arrays and classes; one set of draws for every class and fuse."""

import numpy as np
import pytest

from bench.cli import main


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """Two classes of one picture with two objects, attacked as well."""
    path = tmp_path_factory.mktemp("explained") / "panel.png"
    asked = ["--task", "pairs", "--picture", "3", "--class", "top1,top2", "--explainer", "raw_attention:layer=-1,gradcam"]
    done = main(
        [
            "explain",
            *asked,
            "--draws",
            "3",
            "--fuse",
            "mean,drop_lowest_max",
            "--attack",
            "pgd",
            "--session",
            "eager",
            "--output",
            str(path),
        ]
    )
    assert done == 0
    return path


def test_panel_and_arrays(shown):
    assert shown.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    with np.load(shown.with_suffix(".npz"), allow_pickle=False) as arrays:
        names = set(arrays)
        maps = [name for name in names if "/dds/" in name]
        assert len(maps) == 2 * 2 * 2 * 2  # states, explainers, classes, fuses
        assert all(arrays[name].shape == (8, 8) and np.isfinite(arrays[name]).all() for name in maps)
        means = [arrays[name] for name in maps if name.endswith("/mean")]
        assert all(abs(one.sum() - 1) < 1e-5 for one in means)
        assert arrays["pairs_3/attacked/votes"].sum() == 3 and arrays["pairs_3/attacked/image"].shape == (3, 64, 64)
        assert np.abs(arrays["pairs_3/attacked/image"] - arrays["pairs_3/as_it_is/image"]).max() <= 8 / 255 + 1e-6


def test_a_file_of_ones_own_and_a_class_by_name(tmp_path, capsys):
    from skimage import data, io

    io.imsave(tmp_path / "photo.png", data.astronaut())
    asked = ["explain", str(tmp_path / "photo.png"), "--explainer", "rollout", "--class", "7", "--draws", "2", "--session", "eager"]
    assert main([*asked, "--output", str(tmp_path / "out.png")]) == 0
    said = capsys.readouterr().out
    assert "photo, as it is" in said and "votes behind DDS" in said and (tmp_path / "out.npz").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--class", "12"], "unknown class '12'; known: 0, 1, 2"),
        (["--explainer", "vtb"], "unknown explainer 'vtb'"),
        (["--explainer", "vta:layer=1"], "unknown option of vta 'layer'"),
        (["--fuse", "max"], "unknown fuse 'max'"),
        (["--picture", "x"], "--picture x: whole numbers with commas are wanted"),
        (["--picture", "2000"], "digits test has the pictures 0 to 1999, 2000 came"),
        (["--draws", "0"], "--draws 0: a number above 0 is wanted"),
        (["nowhere.png"], "no picture at nowhere.png"),
    ],
)
def test_bad_input(tmp_path, capsys, arguments, said):
    assert main(["explain", "--session", "eager", "--output", str(tmp_path / "x.png"), *arguments]) == 2
    assert said in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--alpha", "1"], "--alpha 1.0: a number between 0 and 1"),
        (["--beta", "0"], "--beta 0.0: a number between 0 and 1"),
        (["--draws", "1"], "--draws 1: a certificate needs 2 or more"),
        (["--backbone", "vit_b16"], "unknown backbone 'vit_b16'"),
        (
            ["--k", "64", "--n", "1", "--draws", "2", "--session", "eager", "--explainer", "rollout"],
            "k 64 came; rollout of vit_embedded has 64 cells",
        ),
    ],
)
def test_bad_claims(tmp_path, capsys, arguments, said):
    assert main(["certify", "--results", str(tmp_path), *arguments]) == 2
    assert said in capsys.readouterr().err
