"""The networks that `fvit roofline` times, and the timings that are made of them. Nothing is built here, so that a page can read it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

STUDY = "roofline"
PAIR, GROWTH, THREADS = "pair", "growth", "threads"
REFERENCE = ("eager", "fp32")


@dataclass(frozen=True)
class TimedNetwork:
    """A network of a world: `kind` as the workbench names it, `batch`: pictures per call.

    `backbone`: None: the world's own. `denoiser`: one of `measure.DENOISERS` in place of the world's.
    `aims`: precision -> the most of eager fp32's time that is aimed at.
    """

    title: str
    world: str
    backbone: str | None
    kind: str
    batch: int
    aims: Mapping[str, float]
    denoiser: str | None = None


NETWORKS = {
    "unet_552m": TimedNetwork("552.8 M UNet, 256 px, one step", "paper", "vit_b16", "denoiser", 1, {"bf16": 1 / 2.6, "int8": 1 / 4}),
    "vit_b16": TimedNetwork("ViT-B/16, 224 px", "paper", "vit_b16", "backbone", 8, {"bf16": 1 / 2.5, "int8": 1 / 4}),
    "deit_b16": TimedNetwork("DeiT-B/16, 224 px", "paper", "deit_b16", "backbone", 8, {"bf16": 1 / 2.5, "int8": 1 / 4}),
    "swin_b": TimedNetwork("Swin-B, 224 px", "paper", "swin_b", "backbone", 8, {"bf16": 1 / 2}),
    "unet_12m": TimedNetwork("11.8 M UNet, 64 px", "embedded", None, "denoiser", 8, {"bf16": 1 / 2}, "unet_12m"),
    "draw": TimedNetwork(
        "fused draw of the embedded world: denoiser and ViT", "embedded", None, "classify_draws", 32, {"bf16": 1 / 2.5}
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Timing:
    """What one row measures: PAIR, a session and precision at a batch; GROWTH or THREADS, once for a network.

    THREADS has the precision that OpenVINO is timed in.
    """

    what: str
    network: str
    batch: int = 0
    session: str = ""
    precision: str = ""

    @property
    def key(self) -> str:
        parts = (self.batch, self.session, self.precision) if self.what == PAIR else ()
        return "/".join(map(str, (self.what, self.network, *parts)))

    def __str__(self) -> str:
        title = NETWORKS[self.network].title
        return f"{title}, batch {self.batch}: {self.session} {self.precision}" if self.what == PAIR else f"{title}: {self.what}"


def timings(
    networks: Sequence[str], engines: Sequence[tuple[str, str]], batches: Sequence[int] | None, threads: str | None
) -> list[Timing]:
    """Network by network: each of `engines` (session, precision) at each batch, then growth and thread layouts of the fused draw.

    `batches` None: each network's own. `threads`: the precision of the thread layouts, None: they are not measured.
    """
    timed = []
    for name in networks:
        network = NETWORKS[name]
        for (session, precision), batch in product(engines, batches or (network.batch,)):
            timed.append(Timing(PAIR, name, batch, session, precision))
        if network.kind == "classify_draws":
            timed += [Timing(GROWTH, name), *([Timing(THREADS, name, precision=threads)] if threads else [])]
    return timed
