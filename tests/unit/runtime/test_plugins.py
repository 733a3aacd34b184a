"""Plugins are files, of this project and from outside; every mistake in a folder of plugins is one error that names the file."""

import sys

import pytest

from runtime import plugins
from runtime.errors import FvitError


@pytest.fixture(autouse=True)
def nothing_added(monkeypatch):
    monkeypatch.setattr(plugins, "_added", {})
    yield
    for name in [name for name in sys.modules if name.partition(".")[0] == plugins.ROOT]:
        del sys.modules[name]


def write(folder, **files):
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text)
    return folder.parent


def test_plugins_are_files():
    assert plugins.names("runtime.sessions") == ["compiled", "eager", "openvino", "ort", "trt"]
    assert plugins.load("runtime.sessions", "eager").__name__ == "runtime.sessions.eager"
    assert plugins.origin("runtime.sessions", "eager") is None
    with pytest.raises(FvitError, match="unknown session 'orc'; known: compiled, eager, openvino, ort, trt; nearest: ort"):
        plugins.load("runtime.sessions", "orc")
    with pytest.raises(FvitError, match="is not a package of this project"):
        plugins.names("runtime.errors")


def test_a_plugin_from_outside_is_one_of_the_package(tmp_path):
    text = "from dataclasses import dataclass\nfrom . import _shared\n\n@dataclass\nclass Made:\n    value: int = _shared.VALUE\n"
    plugins.add(write(tmp_path / "own" / "explainers", mine=text, _shared="VALUE = 3"))
    plugins.add(tmp_path / "own")  # once more changes nothing
    assert plugins.names("runtime.explainers") == sorted(["mine", *(n for n in plugins.names("runtime.explainers") if n != "mine")])
    assert "mine" not in plugins.names("runtime.sessions")
    module = plugins.load("runtime.explainers", "mine")
    assert module.Made().value == 3 and sys.modules["fvit_plugins.explainers.mine"] is module
    assert plugins.load("runtime.explainers", "mine") is module
    file, digest = plugins.origin("runtime.explainers", "mine").split()
    assert file == "mine.py" and len(digest) == 12


@pytest.mark.parametrize(
    ("package", "kind"),
    [("bench.worlds.data", "data"), ("bench.attacks", "attacks"), ("bench.metrics", "metrics"), ("bench.tables", "tables")],
)
def test_a_folder_s_name_says_which_package_its_plugins_belong_to(tmp_path, package, kind):
    plugins.add(write(tmp_path / kind, mine="VALUE = 1"))
    assert "mine" in plugins.names(package) and plugins.load(package, "mine").VALUE == 1


def test_plugins_of_two_folders(tmp_path):
    plugins.add(write(tmp_path / "a" / "attacks", first="from . import _part", _part=""))
    plugins.load("bench.attacks", "first")
    plugins.add(write(tmp_path / "b" / "attacks", second="from . import _other", _other=""))
    assert plugins.load("bench.attacks", "second").__name__ == "fvit_plugins.attacks.second"
    with pytest.raises(FvitError, match=r"c/attacks/first.py and .*a/attacks/first.py have the same name"):
        plugins.add(write(tmp_path / "c" / "attacks", first=""))


def test_a_folder_that_is_missing_or_holds_no_plugins(tmp_path):
    with pytest.raises(FvitError, match=r"no plugin folder at .*/none; give a folder with"):
        plugins.add(tmp_path / "none")
    with pytest.raises(FvitError, match=r"has no plugins: it needs one or more sub-folders named explainers, attacks"):
        plugins.add(tmp_path)


def test_a_name_that_exists_already(tmp_path):
    plugins.add(write(tmp_path / "sessions", ort=""))
    for call in (plugins.names, lambda package: plugins.load(package, "ort")):
        with pytest.raises(FvitError, match=r"sessions/ort.py has the name of a plugin of runtime.sessions; rename it"):
            call("runtime.sessions")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("def (", "SyntaxError"),
        ("import nowhere_at_all", "ModuleNotFoundError: No module named 'nowhere_at_all'"),
        ("1 / 0", "division by zero"),
    ],
)
def test_a_file_that_cannot_be_imported(tmp_path, text, wanted):
    plugins.add(write(tmp_path / "metrics", broken=text))
    with pytest.raises(FvitError, match=rf"plugin .*metrics/broken.py cannot be imported \(.*{wanted}"):
        plugins.load("bench.metrics", "broken")
    assert "fvit_plugins.metrics.broken" not in sys.modules


def test_a_long_list_is_cut_to_the_nearest():
    choices = [f"vit_{i}" for i in range(1210)]
    with pytest.raises(FvitError, match=r"^unknown timm model 'vit_77x'; 1,210 timm models; nearest: vit_77(, vit_\d+){4}$"):
        plugins.known("vit_77x", choices, "timm model")
    with pytest.raises(FvitError, match="1,210 classes; nearest"):
        plugins.known("vit", choices, "class")
