"""An explainer, an attack, a metric, a data set and a table, each one file outside the package: in --help, in tables, in the rows."""

import sys

import pytest

from bench.cli import main
from bench.records.rows import Answered, Head
from bench.records.store import Store
from runtime import plugins

FILES = {
    "explainers/corner.py": """
SHOWN = "corner"

def build(backbone):
    \"\"\"All relevance in the first cell.\"\"\"
    def explain(images, classes):
        maps = images.new_zeros(len(images), *backbone.grid)
        maps[:, 0, 0] = 1.0
        return maps
    return explain
""",
    "attacks/darken.py": """
def build(target, budget):
    return lambda images, labels, pictures: budget.inside(images - budget.eps, images)
""",
    "metrics/peak.py": """
NEEDS, SHOWN, HIGHER_IS_BETTER = (), "peak", True

def score(seen):
    return seen.maps.flatten(1).amax(1, keepdim=True).double().numpy()

def total(means):
    return means[..., 0]
""",
    "data/mine.py": """
from bench.worlds.data.folder import NEEDS as _  # what is ours may be used
from bench.worlds.data.folder import Options, build
NEEDS = "my pictures: --data mine root=DIR masks=DIR"
""",
    "tables/peaks.py": """
from bench.trials.grid import Cell, Grid, methods
from bench.trials.trial import Trial
from bench.worlds.attack import Threat

def cells(settings):
    trial = Trial(settings.scene.main, settings.scene.task, settings.n, threat=Threat("darken"))
    return [Cell(name, "peak", "peak", trial, spec, method=name) for name, spec in methods(settings).items()]

TABLE = Grid("peaks", "largest cells under a darker picture", "A table from outside.", cells)
""",
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(plugins, "_added", {})
    for module in ("_options", "table"):  # the names that they know are those at the time of their import
        monkeypatch.delitem(sys.modules, f"bench.commands.{module}", raising=False)
    for name, text in FILES.items():
        (tmp_path / "mine" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "mine" / name).write_text(text)
    return tmp_path / "mine"


def test_five_files_outside_the_package(folder, tmp_path, capsys):
    outside = ["--plugins", str(folder)]
    assert main([*outside, "table", "--help"]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "peaks" in told and "mine" in told
    words = ["table", "peaks", "--n", "1", "--explainer", "corner,rollout", "--results", str(tmp_path / "results")]
    assert main([*outside, *words]) == 0
    (made,) = (tmp_path / "results").iterdir()
    page = (made / "peaks.md").read_text()
    assert "| corner | 1.000 [1.00, 1.00] |" in page and "darken linf 8/255" not in page and "explainers/corner (corner.py" in page
    rows = Store(made).read()
    (head,) = [row for row in rows if isinstance(row, Head)]
    assert {"explainers/corner", "attacks/darken", "metrics/peak", "data/mine", "tables/peaks"} == set(head.plugins)
    assert head.plugins["metrics/peak"].startswith("peak.py ") and len(head.plugins["metrics/peak"]) == len("peak.py ") + 12
    (row,) = [row for row in rows if isinstance(row, Answered)]
    assert row.trial["threat"] == {"attack": "darken"} and row.scores["corner"]["peak"] == [[1.0]]


def test_a_table_of_ours_shows_an_attack_and_an_explainer_from_outside(folder, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("FVIT_PLUGINS", str(folder))
    assert main(["table", "5", "--attack", "darkn"]) == 2 and "nearest: darken" in capsys.readouterr().err
    from bench.trials.settings import Settings
    from helpers.tables import TABLES

    assert "corner" in {cell.method for cell in TABLES["1"].cells(Settings())}
    assert main(["explain", "--explainer", "cornr"]) == 2 and "corner" in capsys.readouterr().err
