"""`pytest --benchmark`: what a map costs, in forward passes of the same network; pairs in one process, interleaved."""

from collections.abc import Callable

import pytest
import torch

from bench.records.clock import seconds
from bench.worlds import world as worlds
from runtime.backbones import build as backbones
from runtime.chain import Draws, Explained, staged
from runtime.diffusion import denoise, schedule
from runtime.maps import explain
from runtime.protocols import Backbone

CPU, PAIRS = torch.device("cpu"), 5
MOST = {"vta": 8.0, "rollout": 1.5, "raw_attention": 1.5}
ALL = ("raw_attention", "rollout", "gradcam", "lrp", "vta", "grad_rollout", "attribution_rollout", "input_gradient")


def inputs(backbone: Backbone, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    images = torch.rand(count, 3, backbone.size, backbone.size, generator=torch.Generator().manual_seed(0))
    return images, torch.arange(count) % len(backbone.classes)


@pytest.mark.benchmark(group="relevance")
@pytest.mark.parametrize("name", MOST)
def test_forward_passes_of_a_map(benchmark, speed: Callable[..., None], name: str) -> None:
    """One picture at 224 px through ViT-B/16 (random weights)."""
    backbone = backbones.build("vit_b16")
    (image, label), explainer = inputs(backbone, 1), explain.build(name, backbone)

    def forward() -> None:
        with torch.inference_mode():
            backbone.model(image)

    explainer(image, label)
    passes, maps = [], []
    for _ in range(PAIRS):
        passes.append(min(seconds(forward, CPU) for _ in range(2)))
        maps.append(seconds(lambda: explainer(image, label), CPU))
    benchmark.pedantic(lambda: explainer(image, label), rounds=1)
    speed(f"{name}, ViT-B/16, one picture / forward pass", f"at most {MOST[name]:g}", numerator=maps, denominator=passes)


@pytest.mark.benchmark(group="relevance")
@pytest.mark.parametrize(("name", "count"), [("vit_b16", 1), ("vit_b16", 10), ("vit_embedded", 10)])
def test_products_in_bf16(benchmark, speed: Callable[..., None], name: str, count: int) -> None:
    """VTA with the linear layers' products in bf16 against fp32 (ViT-B/16: random weights)."""
    backbone = backbones.build(name)
    images, labels = inputs(backbone, count)
    explainers = {spec: explain.build(spec, backbone) for spec in ("vta", "vta:rules=chefer_bf16")}
    times: dict[str, list[float]] = {spec: [] for spec in explainers}
    for explainer in explainers.values():
        explainer(images, labels)
    for _ in range(2 * PAIRS):
        for spec, explainer in explainers.items():
            times[spec].append(seconds(lambda e=explainer: e(images, labels), CPU))
    benchmark.pedantic(lambda: explainers["vta"](images, labels), rounds=1)
    low, exact = times["vta:rules=chefer_bf16"], times["vta"]
    title = f"vta, products in bf16 / fp32, {name}, {count} picture(s)"
    speed(title, "faster with bf16 instructions", numerator=low, denominator=exact)


@pytest.mark.benchmark(group="relevance")
def test_a_batch_of_maps(benchmark, speed: Callable[..., None]) -> None:
    """VTA of 16 pictures at 64 px together, against one by one."""
    backbone = backbones.build("vit_embedded")
    (images, labels), explainer = inputs(backbone, 16), explain.build("vta", backbone)
    batches, singles = [], []
    explainer(images, labels)
    for _ in range(PAIRS):
        batches.append(seconds(lambda: explainer(images, labels), CPU))
        singles.append(seconds(lambda: [explainer(images[i : i + 1], labels[i : i + 1]) for i in range(16)], CPU))
    benchmark.pedantic(lambda: explainer(images, labels), rounds=1)
    speed("vta, 64 px, batch of 16 / 16 single maps", "at most 1/3", numerator=batches, denominator=singles)


@pytest.mark.benchmark(group="relevance")
def test_purified_once(benchmark, speed: Callable[..., None]) -> None:
    """All explainers on one picture's 20 draws, against the draws alone plus each explainer alone on the denoised pictures."""
    world = worlds.open("embedded")
    backbone, denoiser = world.backbone(), world.denoiser()
    images, _ = world.samples(1, backbone)
    level = schedule.level(denoiser.schedule, world.noise, "cumulative")
    size = (denoiser.size, denoiser.size)
    chain = staged(denoise.one_shot(denoiser.model, denoiser.schedule), backbone.model, level, size, backbone.size)
    draws = Draws(20, batch=10)
    explainers = {name: explain.build(name, backbone) for name in ALL}
    views, labels = inputs(backbone, draws.batch)
    together, separate = [], []
    for _ in range(PAIRS):
        together.append(seconds(lambda: chain(images, [0], draws, Explained(explainers)), CPU))
        alone = seconds(lambda: chain(images, [0], draws), CPU)
        separate.append(alone + sum(seconds(lambda e=e: [e(views, labels) for _ in range(2)], CPU) for e in explainers.values()))
    benchmark.pedantic(lambda: chain(images, [0], draws), rounds=1)
    title = "all explainers of one picture's draws / draws + explainers"
    speed(title, "at most 1.05", numerator=together, denominator=separate)
