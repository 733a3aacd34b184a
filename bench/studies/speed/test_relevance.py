"""`pytest --benchmark`: what a map costs, in forward passes of the same network; pairs in one process, interleaved."""

import pytest
import torch

from bench.records.clock import seconds
from bench.records.stats import paired_ratio
from bench.studies.speed.test_speed import CPU, PAIRS, _tell
from bench.worlds.world import NOISE, WorldOptions, build
from runtime.backbones import build as backbones
from runtime.diffusion import denoise, schedule
from runtime.maps import explain
from runtime.protocols import Backbone
from runtime.smooth import Explained, Plan, smooth, staged

MOST = {"vta": 8.0, "rollout": 1.5, "raw_attention": 1.5}
ALL = ("raw_attention", "rollout", "gradcam", "lrp", "vta", "grad_rollout", "attribution_rollout", "input_gradient")


def inputs(backbone: Backbone, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    images = torch.rand(count, 3, backbone.size, backbone.size, generator=torch.Generator().manual_seed(0))
    return images, torch.arange(count) % len(backbone.classes)


@pytest.mark.benchmark(group="relevance")
@pytest.mark.parametrize("name", MOST)
def test_forward_passes_of_a_map(benchmark, speed: list[dict], name: str) -> None:
    """One picture at 224 px through ViT-B/16 (random weights)."""
    backbone = backbones.build("vit_b16")
    (image, number), explainer = inputs(backbone, 1), explain.build(name, backbone)

    def forward() -> None:
        with torch.inference_mode():
            backbone.model(image)

    explainer(image, number)
    times = {"map": {}, "forward": {}}
    for pair in range(PAIRS):
        times["forward"][pair] = min(seconds(forward, CPU) for _ in range(2))
        times["map"][pair] = seconds(lambda: explainer(image, number), CPU)
    benchmark.pedantic(lambda: explainer(image, number), rounds=1)
    _tell(speed, f"{name}, ViT-B/16, one picture / forward pass", times["map"], times["forward"], f"at most {MOST[name]:g}")


@pytest.mark.benchmark(group="relevance")
@pytest.mark.parametrize(("name", "count"), [("vit_b16", 1), ("vit_b16", 10), ("vit_embedded", 10)])
def test_products_in_bf16(benchmark, speed: list[dict], name: str, count: int) -> None:
    """VTA with the linear layers' products in bf16 against fp32 (ViT-B/16: random weights)."""
    backbone = backbones.build(name)
    images, numbers = inputs(backbone, count)
    explainers = {spec: explain.build(spec, backbone) for spec in ("vta", "vta:rules=chefer_bf16")}
    times: dict[str, dict[int, float]] = {spec: {} for spec in explainers}
    for pair in range(-1, 2 * PAIRS):
        for spec, explainer in explainers.items():
            times[spec][pair] = seconds(lambda e=explainer: e(images, numbers), CPU)
    for found in times.values():
        del found[-1]  # the first call
    benchmark.pedantic(lambda: explainers["vta"](images, numbers), rounds=1)
    low, exact = times["vta:rules=chefer_bf16"], times["vta"]
    _tell(speed, f"vta, products in bf16 / fp32, {name}, {count} pictures", low, exact, "faster with bf16 instructions")


@pytest.mark.benchmark(group="relevance")
def test_a_batch_of_maps(benchmark, speed: list[dict]) -> None:
    """VTA of 16 pictures at 64 px together, against one by one."""
    backbone = backbones.build("vit_embedded")
    (images, numbers), explainer = inputs(backbone, 16), explain.build("vta", backbone)
    times = {"batch": {}, "singles": {}}
    explainer(images, numbers)
    for pair in range(PAIRS):
        times["batch"][pair] = seconds(lambda: explainer(images, numbers), CPU)
        times["singles"][pair] = seconds(lambda: [explainer(images[i : i + 1], numbers[i : i + 1]) for i in range(16)], CPU)
    benchmark.pedantic(lambda: explainer(images, numbers), rounds=1)
    _tell(speed, "vta, 64 px, batch of 16 / 16 single maps", times["batch"], times["singles"], "at most 1/3")


@pytest.mark.benchmark(group="relevance")
def test_purified_once(benchmark, speed: list[dict]) -> None:
    """All explainers on one picture's 20 draws, against the draws alone plus each explainer alone on the denoised pictures."""
    world = build(WorldOptions())
    level = schedule.level(world.denoiser.schedule, NOISE / 255, "cumulative")
    step = staged(denoise.one_shot(world.denoiser.model, world.denoiser.schedule), world.backbone.model, level.sigma, 64)
    plan = Plan(level.sigma, 20, 0, 10, (64, 64))
    explainers = {name: explain.build(name, world.backbone) for name in ALL}
    images, numbers = inputs(world.backbone, 10)
    times = {"together": {}, "sum": {}}
    for pair in range(PAIRS):
        times["together"][pair] = seconds(lambda: smooth(world.images, [0], plan, step, Explained(explainers)), CPU)
        alone = seconds(lambda: smooth(world.images, [0], plan, step), CPU)
        times["sum"][pair] = alone + sum(seconds(lambda e=e: [e(images, numbers) for _ in range(2)], CPU) for e in explainers.values())
    benchmark.pedantic(lambda: smooth(world.images, [0], plan, step), rounds=1)
    assert paired_ratio(times["together"], times["sum"]) is not None
    _tell(speed, "all explainers of one picture's draws / draws + explainers", times["together"], times["sum"], "at most 1.05")
