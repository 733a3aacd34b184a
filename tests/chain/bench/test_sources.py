"""Tables of the user's own files, by the real command line: each data set in its true layout, small, with networks made for the test."""

import re
import shutil
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from safetensors.torch import save_file
from torchvision.datasets import Cityscapes

from bench.cli import main
from bench.records import cache
from bench.records.rows import Answered
from bench.records.store import Store
from bench.tables import table2
from bench.trials.settings import Settings
from bench.trials.tally import by_trial, tally
from bench.worlds import presets
from bench.worlds.data import _small as layouts
from bench.worlds.workbench import EAGER, Workbench
from helpers.small import small_denoiser
from runtime import plugins
from runtime.backbones import build as backbones
from runtime.diffusion import networks as denoisers

NETWORK = "timm:test_vit"  # 160 px, 0.4 M parameters, 1,000 classes
WNIDS = ("n01440764", "n01443537", "n02119789")


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    """Two draws, and a small denoiser in the place of the 256 px one, which takes minutes a table; all that is asked answers eagerly.

    An export takes half a minute for each list of classes, and what a data set gives does not depend on it.
    """
    load = Workbench.load
    monkeypatch.setattr(Workbench, "load", lambda self, engine, kind: load(self, EAGER, kind))
    monkeypatch.setattr(denoisers, "build", lambda *arguments: small_denoiser())
    monkeypatch.setattr(presets, "PRESETS", {name: replace(preset, draws=2) for name, preset in presets.PRESETS.items()})


@pytest.fixture(scope="module")
def networks(tmp_path_factory):
    """A classifier of ImageNet's classes, one of three, and the options that every run has."""
    folder = tmp_path_factory.mktemp("networks")
    (folder / "unet.safetensors").write_bytes(b"the small one stands here")
    (folder / "three.txt").write_text("person\ncar\ndog\n")
    for name, classes in (("thousand", None), ("three", folder / "three.txt")):
        save_file(dict(backbones.build(NETWORK, None, classes).model.get_submodule("model").state_dict()), folder / f"{name}.safetensors")
    common = ["--world", "paper", "--backbone", NETWORK, "--unet", str(folder / "unet.safetensors")]
    return folder, common


@pytest.fixture
def imagenet(tmp_path):
    """Two pictures of each of three classes, one of them no picture."""
    rng = np.random.default_rng(0)
    for wnid in WNIDS:
        (tmp_path / "val" / wnid).mkdir(parents=True)
        for i in range(2):
            picture = Image.fromarray(rng.integers(0, 256, (170, 180, 3), dtype=np.uint8))
            picture.save(tmp_path / "val" / wnid / f"ILSVRC2012_val_{wnid[-4:]}{i}.JPEG")
    (tmp_path / "val" / WNIDS[1] / f"ILSVRC2012_val_{WNIDS[1][-4:]}0.JPEG").write_bytes(b"\xff\xd8 cut off")
    return tmp_path


def table(number, networks, tmp_path, *words, classifier="thousand"):
    """The command line's exit code, the table's page and the tallies of the trials that were measured."""
    folder, common = networks
    code = main(["table", number, "--n", "9", *common, "--weights", str(folder / f"{classifier}.safetensors"), *words,
                 "--results", str(tmp_path / "results")])  # fmt: skip
    (made,) = (tmp_path / "results").iterdir()
    rows = by_trial(row for row in Store(made).read() if isinstance(row, Answered))
    return code, (made / f"table{number}.md").read_text(), [tally(own) for own in rows.values()]


def test_imagenet_with_a_broken_picture(networks, imagenet, tmp_path, monkeypatch):
    module = plugins.load("bench.tables", "table9")
    whole = module.TABLE
    monkeypatch.setattr(module, "TABLE", replace(whole, cells=lambda settings: whole.cells(settings)[:4]))
    code, page, trials = table("9", networks, tmp_path, "--data", "imagenet", f"root={imagenet}")
    assert code == 0 and len(trials) == 4 and {one.n for one in trials} == {5}
    assert "left out of imagenet: ILSVRC2012_val_35370" in page and "n=5" in page
    assert "3 of 1000 classes" in page and "every cell: timm:test_vit on `imagenet`" in page


def test_what_was_not_given_is_said_in_its_cells(networks, imagenet, tmp_path):
    code, page, trials = table("4", networks, tmp_path, "--data", "imagenet", f"root={imagenet}")
    assert code == 0 and len(trials) == 5 and "– (not possible here)" in page
    for wanted in (
        "needs COCO 2017: --data coco root=DIR",
        "needs Cityscapes: --data cityscapes root=DIR",
        "needs your checkpoint of vit_b16",
    ):
        assert wanted in page
    code, page, trials = table("1", networks, tmp_path / "none")
    assert code == 0 and not trials and "needs ImageNet-Segmentation: --data imagenet_seg root=" in page


def test_imagenet_segmentation(networks, tmp_path):
    layouts.gtsegs(tmp_path / "gtsegs_ijcv.mat", sizes=[(180, 170), (200, 170), (170, 170)])
    code, page, trials = table("1", networks, tmp_path, "--data", "imagenet_seg", f"root={tmp_path / 'gtsegs_ijcv.mat'}")
    assert code == 0 and [one.n for one in trials] == [2, 2] and "left out of imagenet_seg: n00001740_3: its class is not known" in page
    assert all(one.scores["vta", "miou"].shape == (2, 4) for one in trials)
    assert "- pictures and masks are cut as timm evaluates each network (`timm`" in page and "crop timm" in page


def test_coco_needs_a_network_of_its_classes(networks, tmp_path):
    categories = [{"id": 18, "name": "dog"}, {"id": 1, "name": "person"}, {"id": 3, "name": "car"}]
    layouts.coco(tmp_path / "coco", categories)
    code, page, trials = table("1", networks, tmp_path, "--data", "coco", f"root={tmp_path / 'coco'}")
    assert code == 0 and not trials and "needs your checkpoint of timm:test_vit with the 3 classes of coco" in page
    words = ("--data", "coco", f"root={tmp_path / 'coco'}", "--classes", str(networks[0] / "three.txt"), "--crop", "whole")
    code, page, trials = table("1", networks, tmp_path / "own", *words, classifier="three")
    assert code == 0 and [one.n for one in trials] == [3, 3] and "our rule, the paper gives none" in page
    assert "as Chefer et al. do (`whole`)" in page and "crop whole" in page


def test_cityscapes_and_a_folder(networks, tmp_path):
    layouts.cityscapes(tmp_path / "cityscapes")
    names = Cityscapes.classes
    (tmp_path / "classes.txt").write_text(
        "\n".join(one.name for one in sorted(names, key=lambda one: one.train_id) if not one.ignore_in_eval)
    )
    own = backbones.build(NETWORK, None, tmp_path / "classes.txt")
    save_file(dict(own.model.get_submodule("model").state_dict()), networks[0] / "nineteen.safetensors")
    words = ("--data", "cityscapes", f"root={tmp_path / 'cityscapes'}", "--classes", str(tmp_path / "classes.txt"))
    code, page, trials = table("1", networks, tmp_path, *words, classifier="nineteen")
    assert code == 0 and [one.n for one in trials] == [1, 1] and "ulm_000001_000019: ulm_000001_000019 shows no person" in page
    pictures = tmp_path / "own"
    pictures.mkdir()
    shutil.copy(tmp_path / "cityscapes/leftImg8bit/val/ulm/ulm_000000_000019_leftImg8bit.png", pictures / "street.png")
    (tmp_path / "masks").mkdir()
    mask = np.zeros((170, 180), np.uint8)
    mask[40:100, 30:120] = 255
    Image.fromarray(mask).save(tmp_path / "masks" / "street.png")
    (tmp_path / "labels.csv").write_text("name,label\nstreet,7\n")
    words = ("--data", "folder", f"root={pictures}", f"masks={tmp_path / 'masks'}", f"labels={tmp_path / 'labels.csv'}")
    code, page, trials = table("2", networks, tmp_path / "two", *words)
    assert code == 0 and len(trials) == 8 and "every cell: timm:test_vit on `folder`" in page


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--data", "imagenet", "root=nowhere"), "no folder nowhere; ImageNet's validation pictures are expected there"),
        (("--data", "imagenet_seg", "root=nowhere.mat"), "no file nowhere.mat; gtsegs_ijcv.mat is expected there"),
        (("--data", "coco", "root=nowhere"), "no folder nowhere; val2017/"),
        (("--checkpoint", "deit_b16"), "NAME=FILE is expected"),
        (("--data", "coco", "ids=x"), "--data coco: root=PATH is missing"),
        (
            ("--data", "imagenet", "root=x", "lables=y"),
            "imagenet: unknown key 'lables'; known: root, ids, masks, labels, synsets; nearest: labels",
        ),
        (
            ("--data", "imagnet", "root=x"),
            "unknown data set 'imagnet'; known: cityscapes, coco, folder, ",
        ),
        (("--data", "root=x"), "--data root=x: the data set's name comes first, as in --data coco root=DIR"),
        (("--data", "coco", "root=x", "--data", "coco", "root=y"), "--data coco given twice"),
        (("--data", "coco", "root="), "--data root=: one key=value for each key is expected"),
        (("--data", "coco", "root=.", "labels=x"), "no use for labels"),
        (("--checkpoint", "deit_b16=nowhere.pt"), "nowhere.pt cannot be read"),
    ],
)
def test_bad_input(words, told, tmp_path, capsys):
    assert main(["table", "9", "--world", "paper", *words, "--results", str(tmp_path)]) == 2
    assert told in capsys.readouterr().err


def test_two_shards_merged_are_one_run(networks, tmp_path, monkeypatch):
    """Row by row and to the last bit, in the maps, curves and votes of Table 2's first four rows; the broken picture is in one shard alone."""
    whole_table = table2.TABLE
    four = list(dict.fromkeys(cell.row for cell in whole_table.cells(Settings())))[:4]
    few = replace(whole_table, cells=lambda settings: [cell for cell in whole_table.cells(settings) if cell.row in four])
    monkeypatch.setattr(table2, "TABLE", few)
    layouts.gtsegs(tmp_path / "gtsegs_ijcv.mat", sizes=[(180, 170), (200, 170), (170, 170)])
    data = ("--data", "imagenet_seg", f"root={tmp_path / 'gtsegs_ijcv.mat'}")
    assert table("2", networks, tmp_path / "one", *data)[0] == 0
    folder, common = networks
    command = ["table", "2", "--n", "9", *common, "--weights", str(folder / "thousand.safetensors"), *data]
    (whole,) = (tmp_path / "one" / "results").iterdir()
    for shard in ("1/2", "2/2"):
        shutil.rmtree(cache.folder())  # nothing is shared with the run before
        assert main([*command, "--shard", shard, "--results", str(tmp_path / shard.replace("/", "of"))]) == 0
    parts = [str(next((tmp_path / name).iterdir())) for name in ("1of2", "2of2")]
    assert main(["merge", parts[0], "--into", str(tmp_path / "merged")]) == 2
    assert main(["merge", *parts, "--into", str(tmp_path / "merged")]) == 0
    wanted, found = (answered(path) for path in (whole, tmp_path / "merged"))
    assert found == wanted and len(found) == 4 * 3
    before = (tmp_path / "merged" / "rows.jsonl").read_bytes()
    assert main(["merge", *parts, "--into", str(tmp_path / "merged")]) == 0  # again: nothing is written twice
    assert (tmp_path / "merged" / "rows.jsonl").read_bytes() == before
    pages = [(path / "table2.md").read_text() for path in (tmp_path / "merged", whole)]
    merged, alone = (re.sub(r"load at start [\d.]+", "", page) for page in pages)
    assert merged.replace("- measured in 2 shards\n", "") == alone != merged


def answered(folder):
    rows = [row for row in Store(folder).read() if isinstance(row, Answered)]
    return {row.key: (row.numbers, row.answers, row.votes, row.scores, row.left_out) for row in rows}
