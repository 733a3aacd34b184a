"""`fvit explain` and `fvit demo` in this process: a panel, arrays and classes; one set of draws for every class and fuse."""

import numpy as np
import pytest

from bench.cli import main
from bench.studies.figures.explain import MapQuestion, explain


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """Two classes of one picture with two objects, attacked as well."""
    path = tmp_path_factory.mktemp("explained") / "panel.png"
    asked = ["--task", "pairs", "--picture", "3", "--class", "top1,top2", "--explainer", "raw_attention:layer=-1,gradcam", "--draws", "3"]
    fuses = ["--fuse", "mean,drop_lowest_max", "--attack", "pgd", "--session", "eager", "--output", str(path)]
    assert main(["explain", *asked, *fuses]) == 0
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


def test_an_attack_through_the_defence_makes_another_picture():
    """A variant of an attack, by its name; a class that one explainer is bound to, alone or next to another."""
    question = MapQuestion(explainers=("rollout", "gradcam"), classes=("7", "top1"), draws=2, session="eager", attack="fgsm")
    clean, transfer = explain(question, lambda line: None)
    assert clean.subject.label is not None and {number for _, number in clean.plain} == {7, clean.answer}
    assert 0 < (transfer.image - clean.image).abs().max() <= 8 / 255 + 1e-6
    adaptive = explain(MapQuestion(explainers=("gradcam",), classes=("7",), draws=2, session="eager", attack="eot_pgd"), lambda line: None)
    assert (adaptive[1].image - transfer.image).abs().max() > 1e-3
    assert (adaptive[0].dds["gradcam", 7, "mean"] - clean.dds["gradcam", 7, "mean"]).abs().max() < 1e-6


def test_the_demo(tmp_path, capsys):
    assert main(["demo", "--output", str(tmp_path / "new" / "demo.png")]) == 0
    assert (tmp_path / "new" / "demo.png").read_bytes()[:4] == b"\x89PNG"
    said = " ".join(capsys.readouterr().out.split())
    assert "The picture's class is 6; undefended, the ViT says 6" in said and "of 10 draws) of the attacked one" in said
    (tmp_path / "file").write_text("")
    assert main(["demo", "--output", str(tmp_path / "file" / "demo.png")]) == 2
    assert "give --output the name of a .png" in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--class", "12"], "unknown class '12'; known: 0, 1, 2"),
        (["--explainer", "vtb"], "unknown explainer 'vtb'"),
        (["--explainer", "vta:layer=1"], "unknown option of vta 'layer'"),
        (["--fuse", "max"], "unknown fuse 'max'"),
        (["--picture", "x"], "--picture x: whole numbers with commas are expected"),
        (["--picture", "2000"], "digits test has the pictures 0 to 1999, 2000 given"),
        (["--draws", "0"], "--draws 0: a whole number from 1"),
        (["nowhere.png"], "no picture at nowhere.png"),
        (["--attack", "pgdd"], "unknown attack 'pgdd'; 23 attacks; nearest: pgd"),
        (["--sigma", "0"], "--sigma 0: a number above 0 is expected"),
    ],
)
def test_bad_input(tmp_path, capsys, arguments, said):
    assert main(["explain", "--session", "eager", "--output", str(tmp_path / "x.png"), *arguments]) == 2
    assert said in capsys.readouterr().err.splitlines()[-1]
