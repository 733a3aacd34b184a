"""A roofline that takes seconds: small products, one small network; a machine's true ceilings are not what is tested."""

from bench.records import ceilings
from bench.studies.roofline import networks
from bench.studies.roofline.networks import TimedNetwork


def small(monkeypatch):
    """For a fixture: `yield from small(monkeypatch)`."""
    monkeypatch.setattr(ceilings, "SIDES", {"cpu": (64, 128)})
    monkeypatch.setattr(ceilings, "VECTOR", {"cpu": 1 << 20})
    monkeypatch.setitem(networks.NETWORKS, "draw", TimedNetwork("a small draw", "embedded", None, "classify_draws", 4, {"bf16": 0.5}))
    for cached in (ceilings.ceiling, ceilings.bandwidth):
        cached.cache_clear()
    yield
    for cached in (ceilings.ceiling, ceilings.bandwidth):
        cached.cache_clear()
