"""The table of explainers, measured for two of them: every cell has a number, and what is timed is timed once."""

import io

from rich.console import Console

from bench.records.campaign import How
from bench.records.rows import Costed, Why
from bench.records.store import Store
from bench.tables import explainers
from bench.trials import cost, measure, page
from bench.trials.run import Runner
from bench.trials.settings import Settings
from bench.worlds import world as worlds


def test_two_explainers_with_and_without_the_defence(tmp_path, monkeypatch):
    monkeypatch.setattr(cost, "ROUNDS", 2)
    settings, store, console = Settings(n=2, explainers=("rollout", "random")), Store(tmp_path), Console(file=io.StringIO())
    runner = Runner(worlds.open("embedded"))
    for _ in range(2):
        measure.measure([explainers.TABLE], settings, store, runner, console, How())
    rows = store.read()
    timed = [row for row in rows if isinstance(row, Costed)]
    assert len(timed) == 4 and all(len(row.seconds) == 2 and min(row.seconds) > 0 for row in timed)
    assert {row.pictures for row in timed} == {1, 10}
    values = explainers.TABLE.values(rows)
    assert {value.cell.row for value in values} == {"rollout", "rollout + DDS", "random", "random + DDS"}
    for value in values:
        assert value.number is not None or (value.cell.metric == "joules" and value.value.why == Why.NOT_HERE)
    assert "ms per picture" in page.render(explainers.TABLE, rows).markdown
