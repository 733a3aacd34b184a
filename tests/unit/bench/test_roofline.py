"""The roofline's least times, sentences and joined campaigns, without a measurement."""

import pytest
import torch

from bench.commands.roofline import of_each_work
from bench.records import ceilings as roofline
from bench.studies.roofline import networks as works
from bench.studies.roofline import page as roofline_page
from bench.studies.roofline.networks import Work
from bench.worlds.world import World
from export import networks
from helpers.small import small_backbone, small_denoiser
from runtime.backbones import build as backbone

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    """Small products, one small work; a machine's true ceilings are not what is tested."""
    world = World("embedded", torch.rand(1, 3, 24, 24), "noise", small_backbone(), small_denoiser())
    monkeypatch.setattr(roofline, "SIDES", {"cpu": (64, 128)})
    monkeypatch.setattr(roofline, "VECTOR", {"cpu": 1 << 20})
    monkeypatch.setattr(works, "GROWTH", (10, 20))
    monkeypatch.setattr(works, "ROUNDS", 2)
    monkeypatch.setitem(works.WORKS, "draw", Work("a small draw", lambda: world, "classify_draws", 4, {"bf16": 0.5}))
    caches = roofline.ceiling, roofline.bandwidth
    for cache in caches:
        cache.cache_clear()
    yield
    for cache in caches:
        cache.cache_clear()


def test_the_least_time_is_bound_by_products_or_by_bytes(monkeypatch):
    network = networks.backbone(small_backbone())
    weights, batch = sum(p.numel() for p in network.module.parameters()), 3
    assert roofline.traffic(network, "bf16", batch) == 2 * weights + 4 * batch * (3 * 24 * 24 + 3)
    monkeypatch.setattr(roofline, "bandwidth", lambda device: 1e30)
    monkeypatch.setattr(roofline, "ceiling", lambda precision, device: {"fp32": 1e9, "int8": 4e9}[precision])
    slow, fast = (roofline.least(network, precision, batch, CPU) for precision in ("fp32", "int8"))
    assert slow == pytest.approx(batch * roofline.flops(network) / 1e9) and slow == pytest.approx(4 * fast)
    monkeypatch.setattr(roofline, "bandwidth", lambda device: 1.0)
    assert roofline.least(network, "fp32", batch, CPU) == roofline.traffic(network, "fp32", batch)


def test_operations_of_a_network_with_buffers_that_no_file_holds():
    swin = backbone.build("swin_embedded")
    assert set(dict(swin.model.named_buffers())) - set(swin.model.state_dict()) and roofline.flops(networks.backbone(swin)) > 1e8


def test_the_summary_tells_what_was_met():
    def pair(precision: str, session: str, *times: float) -> dict:
        return {
            "work": "draw",
            "batch": 4,
            "session": session,
            "precision": precision,
            "seconds": list(times),
            "reference_seconds": [1.0] * 3,
        }

    rows = [pair("bf16", "eager", 0.6, 0.7, 0.8), pair("bf16", "ort", 0.4, 0.4, 0.5), pair("int8", "ort", 2.0, 2.0, 2.0)]
    assert "| a small draw, batch 4 | 1000 | ort 0.400 (1/2.5); aimed at 1/2: met | ort 2.000 (1/0.5) |" in roofline_page.summary(rows)
    assert "eager 0.700 (1/1.4); aimed at 1/2: missed | – |" in roofline_page.summary(rows[:1])


def test_one_work_measured_again_leaves_the_others():
    def campaign(name: str, *found: tuple[str, str]) -> list[dict]:
        head = {"kind": "campaign", "campaign": name, "settings": {"table": "roofline"}}
        return [
            head,
            *({"kind": "pair", "campaign": name, "work": work, "session": one, "precision": "bf16", "batch": 8} for work, one in found),
        ]

    first = (("draw", "ort"), ("vit_b16", "ort"), ("vit_b16", "eager"))
    rows = [*campaign("a", *first), *campaign("b", ("vit_b16", "ort")), *campaign("c")]
    rows += [{"kind": "growth", "campaign": name, "work": "draw"} for name in "ab"]
    kept = [(row["campaign"], row["kind"], row.get("work"), row.get("session")) for row in of_each_work(rows) if row["kind"] != "campaign"]
    assert kept == [
        ("a", "pair", "draw", "ort"),
        ("a", "pair", "vit_b16", "eager"),
        ("b", "pair", "vit_b16", "ort"),
        ("b", "growth", "draw", None),
    ]
    assert [row["campaign"] for row in of_each_work(rows) if row["kind"] == "campaign"] == ["a", "b"]
