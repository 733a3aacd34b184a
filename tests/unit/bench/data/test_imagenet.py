"""ImageNet's layouts: class folders of a subset, a flat folder with each file of labels, and what is wrong with either."""

import numpy as np
import pytest
from scipy.io import savemat

from bench.worlds.data import _wnids as _imagenet
from bench.worlds.data import imagenet
from bench.worlds.data._loader import Options, items
from runtime.errors import FvitError

TENCH, KIT_FOX, SNAKE = "n01440764", "n02119789", "n01751748"  # indices 0, 278 and 65
LABELS = {TENCH: 0, SNAKE: 65, KIT_FOX: 278}
VAL = "ILSVRC2012_val_{:08d}"


@pytest.fixture
def subset(tmp_path, photo):
    """Three class folders below val/, two pictures in each; (root, pixels by name)."""
    names = [(wnid, VAL.format(10 * i + j)) for i, wnid in enumerate(LABELS) for j in (7, 3)]
    return tmp_path, {name: photo(tmp_path / "val" / wnid / f"{name}.JPEG", i) for i, (wnid, name) in enumerate(names)}


@pytest.fixture
def flat(tmp_path, photo):
    """Three pictures, numbers 1 to 3 of the devkit: snake, tench, kit fox."""
    return {VAL.format(k): photo(tmp_path / "flat" / f"{VAL.format(k)}.JPEG", k) for k in (1, 2, 3)}


def options(tmp_path, text, name="val.txt", synsets=None):
    (tmp_path / name).write_text(text)
    return Options(tmp_path / "flat", 8, labels=tmp_path / name, synsets=synsets)


def test_indices_are_those_of_the_sorted_wnids():
    wnids = list(_imagenet.indices())
    assert len(wnids) == 1000 and wnids == sorted(wnids) and {wnid: _imagenet.indices()[wnid] for wnid in LABELS} == LABELS
    assert "kit fox" in _imagenet.classes()[278]


@pytest.mark.parametrize("inside", ["", "val"])
def test_a_subset_keeps_the_true_indices(subset, same, inside):
    root, pixels = subset
    loader = imagenet.build(Options(root / inside, 8))
    found, broken = items(loader, range(loader.size))
    assert [item.label for item in found] == [0, 0, 65, 65, 278, 278] and broken == []
    assert [item.name for item in found] == [VAL.format(n) for n in (3, 7, 13, 17, 23, 27)]
    for item in found:
        same(item, pixels[item.name])
        assert item.mask is None
    missing = "n01443537, n01484850, n01491361, n01494475, n01496331 and 992 more"
    assert loader.notes == (f"3 of 1000 classes; no folder for {missing}",)


def test_a_picture_is_cropped_as_classifiers_expect(tmp_path, photo, same):
    pixels = photo(tmp_path / TENCH / "wide.JPEG", 0, (14, 8))
    same(imagenet.build(Options(tmp_path, 8))[0], pixels[:, 3:11])


def test_ids_choose_pictures(subset):
    root, _ = subset
    (root / "ids.txt").write_text(f"{VAL.format(23)}\n{VAL.format(7)}.JPEG\n")
    loader = imagenet.build(Options(root, 8, ids=root / "ids.txt"))
    assert [(item.name[-2:], item.label) for item in items(loader, range(2))[0]] == [("23", 278), ("07", 0)] and loader.size == 2
    (root / "ids.txt").write_text(f"{VAL.format(23)}\n{VAL.format(99)}\n")
    with pytest.raises(FvitError, match=f"ids.txt names {VAL.format(99)}, not among the 6 pictures"):
        imagenet.build(Options(root, 8, ids=root / "ids.txt"))


def test_a_broken_picture_in_the_middle(subset):
    root, _ = subset
    whole = root / "val" / SNAKE / f"{VAL.format(13)}.JPEG"
    whole.write_bytes(whole.read_bytes()[:-60])
    found, broken = items(imagenet.build(Options(root, 8)), range(6))
    assert [item.index for item in found] == [0, 1, 3, 4, 5]
    assert [(one.name, one.index) for one in broken] == [(VAL.format(13), 2)] and "no picture that can be read" in broken[0].reason


def test_a_header_that_promises_too_many_pixels(subset, vast):
    root, _ = subset
    vast(root / "val" / SNAKE / f"{VAL.format(13)}.JPEG")
    found, broken = items(imagenet.build(Options(root, 8)), range(6))
    assert [item.index for item in found] == [0, 1, 3, 4, 5] and [one.index for one in broken] == [2]


def test_folders_that_are_no_class_or_empty_and_pictures_beside_them(subset, photo):
    root, _ = subset
    (root / "val" / "n99999999").mkdir()
    (root / "val" / "tench").mkdir()
    with pytest.raises(FvitError, match="no class of ImageNet: n99999999, tench; only folders named by wnid"):
        imagenet.build(Options(root, 8))
    (root / "val" / "n99999999").rmdir()
    (root / "val" / "tench").rename(root / "val" / "n01443537")
    with pytest.raises(FvitError, match="no picture in the class folders n01443537 of"):
        imagenet.build(Options(root, 8))
    (root / "val" / "n01443537").rmdir()
    photo(root / "val" / "loose.JPEG", 1)
    with pytest.raises(FvitError, match=r"1 pictures beside its class folders \(loose.JPEG\)"):
        imagenet.build(Options(root, 8))


def test_class_folders_need_no_labels(subset):
    root, _ = subset
    with pytest.raises(FvitError, match="imagenet in class folders has no use for labels"):
        imagenet.build(Options(root, 8, labels=root / "val.txt"))


def test_a_missing_folder_says_where_it_comes_from(tmp_path):
    with pytest.raises(
        FvitError, match=r"no folder .*nowhere; ImageNet's validation pictures are expected there, from https://www.image-net.org"
    ):
        imagenet.build(Options(tmp_path / "nowhere", 8))
    with pytest.raises(FvitError, match="no picture below"):
        imagenet.build(Options(tmp_path, 8))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("val.txt", "{3}.JPEG {fox}\n{1}.JPEG {snake}\n{2}.JPEG {tench}\n"),
        (
            "LOC_val_solution.csv",
            "ImageId,PredictionString\n{3},{fox} 85 1 499 272 {fox} 1 2 3 4 \n{2},{tench} 1 2 3 4 \n{1},{snake} 5 6 7 8 \n",
        ),
    ],
)
def test_a_flat_folder_with_wnids(tmp_path, flat, same, name, text):
    for key, value in {
        "{1}": VAL.format(1),
        "{2}": VAL.format(2),
        "{3}": VAL.format(3),
        "{fox}": KIT_FOX,
        "{snake}": SNAKE,
        "{tench}": TENCH,
    }.items():
        text = text.replace(key, value)
    found, _ = items(imagenet.build(options(tmp_path, text, name)), range(3))
    assert [(item.name, item.label) for item in found] == [(VAL.format(1), 65), (VAL.format(2), 0), (VAL.format(3), 278)]
    for item in found:
        same(item, flat[item.name])


def meta(path, pairs):
    """The devkit's meta.mat: a struct array with a class and, last, what lies above it in WordNet."""
    rows = [(k, wnid, "words", "gloss", 0.0, [], 0, 0.0) for k, wnid in pairs] + [(1001, "n00001740", "entity", "", 2.0, [1, 2], 9, 0.0)]
    fields = ["ILSVRC2012_ID", "WNID", "words", "gloss", "num_children", "children", "wordnet_height", "num_train_images"]
    savemat(
        path,
        do_compression=True,
        mdict={"synsets": np.array([tuple(row) for row in rows], dtype=[(field, "O") for field in fields]).reshape(-1, 1)},
    )
    return path


def test_the_devkits_numbers_with_its_meta_mat(tmp_path, flat):
    """The numbers are not sorted indices: 1 is the kit fox, as in the devkit."""
    synsets = meta(tmp_path / "meta.mat", [(1, KIT_FOX), (2, SNAKE), (3, TENCH)])
    chosen = options(tmp_path, "2\n3\n1\n", "ILSVRC2012_validation_ground_truth.txt", synsets)
    assert [item.label for item in items(imagenet.build(chosen), range(3))[0]] == [65, 0, 278]


@pytest.mark.parametrize(
    "text", ["2\n3\n1\n", "ILSVRC2012_val_00000001.JPEG 2\nILSVRC2012_val_00000002.JPEG 3\nILSVRC2012_val_00000003.JPEG 1\n"]
)
def test_numbers_with_a_written_order(tmp_path, flat, text):
    (tmp_path / "order.txt").write_text(f"1 {KIT_FOX}\n2,{SNAKE}\n3\t{TENCH} tench, Tinca tinca\n")
    assert [item.label for item in items(imagenet.build(options(tmp_path, text, synsets=tmp_path / "order.txt")), range(3))[0]] == [
        65,
        0,
        278,
    ]
    with pytest.raises(
        FvitError, match=r"val.txt holds class numbers and does not say in which order; give synsets: the devkit's meta.mat"
    ):
        imagenet.build(options(tmp_path, text))


def test_the_sorted_order_is_not_the_devkits(tmp_path, flat):
    (tmp_path / "sorted.txt").write_text("".join(f"{i + 1} {wnid}\n" for wnid, i in _imagenet.indices().items()))
    with pytest.raises(FvitError, match=r"sorted.txt numbers the classes in sorted order, val.txt in the devkit's"):
        imagenet.build(options(tmp_path, "2\n3\n1\n", synsets=tmp_path / "sorted.txt"))


@pytest.mark.parametrize(
    ("text", "order", "wanted"),
    [
        ("2\n7\n1\n", f"1 {KIT_FOX}\n2 {SNAKE}\n", "val.txt has 7, numbers of no class in order.txt"),
        ("2\n7\n1\n", f"{KIT_FOX}\n{SNAKE}\n", f"order.txt has the line '{KIT_FOX}'; every line is expected to be `number wnid`"),
        ("2\n7\n1\n", "1 n99999999\n", "order.txt numbers no class of ImageNet's 1000"),
        ("a.JPEG n99999999\n", "", "val.txt has the line 'a.JPEG n99999999', which names no class"),
        ("a.JPEG\nb.JPEG tench\n", "", "val.txt has the line 'a.JPEG', which names no class"),
        (
            f"{VAL.format(1)}.JPEG {TENCH}\n",
            "",
            r"no label of ILSVRC2012_val_00000002.JPEG, ILSVRC2012_val_00000003.JPEG \(2 of 3 pictures\)",
        ),
    ],
)
def test_labels_that_do_not_fit(tmp_path, flat, text, order, wanted, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "order.txt").write_text(order)
    with pytest.raises(FvitError, match=wanted):
        imagenet.build(options(tmp_path, text, synsets=(tmp_path / "order.txt").relative_to(tmp_path)))


def test_a_flat_folder_without_labels(tmp_path, flat):
    with pytest.raises(
        FvitError, match=r"flat is a flat folder of pictures; give labels: LOC_val_solution.csv, .*from https://www.image-net.org"
    ):
        imagenet.build(Options(tmp_path / "flat", 8))


@pytest.mark.parametrize(
    ("damage", "kind"),
    [
        (lambda raw: b"no table", "MatReadError"),
        (lambda raw: raw[: len(raw) // 2], ""),
        (lambda raw: raw[:-4] + b"\0\0\0\0", "error: .*incorrect data check"),  # zlib's
        (lambda raw: raw[:124] + b"\x00\x02IM" + raw[128:], "NotImplementedError"),  # another version of the format
    ],
)
def test_a_damaged_meta_mat(tmp_path, flat, damage, kind):
    synsets = meta(tmp_path / "meta.mat", [(1, KIT_FOX), (2, SNAKE), (3, TENCH)])
    synsets.write_bytes(damage(synsets.read_bytes()))
    with pytest.raises(FvitError, match=rf"meta.mat is not the devkit's meta.mat \({kind}.*\); get it from https://www.image-net.org"):
        imagenet.build(options(tmp_path, "2\n3\n1\n", synsets=synsets))


def test_a_missing_meta_mat(tmp_path, flat):
    with pytest.raises(FvitError, match=r"no file .*gone.mat; the devkit's meta.mat, or a file of `number wnid` is expected"):
        imagenet.build(options(tmp_path, "2\n3\n1\n", synsets=tmp_path / "gone.mat"))
