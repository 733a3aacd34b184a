"""What the benchmarks share: where their rows go, and what is printed at the end."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from rich.console import Console

from bench import pytest_plugin
from bench.records.campaign import Campaign, How, Plan
from bench.records.clock import cores, fixed_threads
from bench.records.machine import folder_name
from bench.records.rows import Speed
from bench.records.store import Store
from bench.studies.speed import page


@pytest.fixture(scope="session")
def speed(request: pytest.FixtureRequest) -> Iterator[Callable[..., None]]:
    """Writes one row for each benchmark, `name`, `aim` and the fields of Speed; every run is a campaign of its own."""
    store = Store(pytest_plugin.results(request.config) / f"speed-{folder_name()}")
    with Campaign(store, Plan(page.STUDY, {}), Console(quiet=True), How(fresh=True)) as campaign:

        def write(name: str, aim: str, **numbers: Any) -> None:
            campaign.write(Speed(campaign=campaign.name, key=name, name=name, aim=aim, **numbers))

        with fixed_threads(cores()):
            yield write
        rows = campaign.rows
    pytest_plugin.show_at_the_end(request.config, f"{page.render(rows)}\nrows: {store.path}")
