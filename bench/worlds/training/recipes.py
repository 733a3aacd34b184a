"""How each network of the embedded world is trained: its module, its loss on a batch, its score on the validation split."""

import functools
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from diffusers.models.attention_processor import Attention, AttnProcessor
from timm.models.resnet import BasicBlock, ResNet
from torch import Tensor, nn

from bench.metrics.psnr import gain
from bench.worlds.data import digits as embedded
from bench.worlds.data.digits import CLASSES, FULL, TASKS, Batch
from runtime import plugins
from runtime.diffusion import networks as denoisers
from runtime.diffusion import schedule as schedules
from runtime.maps.hooks import unfused

EASY = 1 / 3  # of the steps, in which a classifier's task goes from easy to full; its first half shows single digits only
LOW, SHARE = 250, 0.9  # that share of the denoiser's steps lies below t = 250: where DDS works
NOISES = (8, 16, 32, 64)  # of 255: where the denoiser is scored
GUIDED = {"vit": 2, "deit": 2, "swin": 1}  # after which block (Swin: stage) the teacher guides
FEATURES = {2: 64, 3: 128}  # stages of the teacher, on grids of 8 and 4, and their channels
SCORED = 200  # validation pictures of each task


@dataclass(frozen=True)
class Recipe:
    """`loss(module, batch, step)` is minimised with AdamW, one cycle of the rate; `score(module)` goes into the curve."""

    module: Callable[[], nn.Module]
    loss: Callable[[nn.Module, Batch, int], Tensor]
    score: Callable[[nn.Module], dict[str, float]]
    eased: bool
    steps: int
    batch: int
    rate: float
    decay: float
    ema: float = 0.999
    seed: int = 0

    def facts(self) -> dict:
        """The numbers, for the card and to tell one recipe's state from another's."""
        return {name: getattr(self, name) for name in ("steps", "batch", "rate", "decay", "ema", "seed", "eased")}


def pictures(recipe: Recipe, step: int) -> Batch:
    """The training pictures of `step`: the next ones of the three tasks in turn, never one twice."""
    progress = min(1.0, step / (recipe.steps * EASY)) if recipe.eased else 1.0
    numbers = range(step * recipe.batch, (step + 1) * recipe.batch)
    tasks = [TASKS[number % 3] if progress >= 0.5 else TASKS[0] for number in numbers]
    return embedded.collate(
        [embedded.sample(task, "train", number, round(FULL * progress)) for task, number in zip(tasks, numbers, strict=True)]
    )


def backbone(plugin: str) -> nn.Module:
    """The embedded world's network of that family, freshly initialised."""
    module = plugins.load("runtime.backbones", plugin).architecture()
    if plugin == "deit":
        module.set_distilled_training(True)
    return Guided(module, module.num_features, GUIDED[plugin])


def denoiser() -> nn.Module:
    """The embedded world's UNet, freshly initialised; attention not fused (see `Guided`), convolutions with their channels last (10 % faster)."""
    module = denoisers.architecture()
    for block in module.modules():
        if isinstance(block, Attention):
            block.set_processor(AttnProcessor())
    return module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def residual_network() -> nn.Module:
    """The transformers' teacher: a residual network of four blocks, 1.2 M parameters. It is not shipped."""
    return ResNet(BasicBlock, (1, 1, 1, 1), num_classes=len(CLASSES), channels=(32, 64, 128, 256), stem_width=32)  # type: ignore[arg-type]


class Guided(nn.Module):
    """A transformer in training, and the linear map from its tokens to its teacher's features, which does not ship.

    Its attention is not fused: the backward pass of PyTorch's fused one in bf16 on a CPU was 59 % of a step (359 ms against 151 ms).
    """

    def __init__(self, shipped: nn.Module, width: int, block: int):
        super().__init__()
        self.shipped, self.block = shipped, block
        self.project = nn.Conv2d(width, sum(FEATURES.values()), 1)

    def forward(self, pixels: Tensor) -> Tensor:
        with unfused(self.shipped):
            return self.shipped(pixels)

    def both(self, pixels: Tensor) -> tuple[Tensor | tuple[Tensor, Tensor], Tensor]:
        """Scores (of two heads, where it has two), and its tokens after `block` as the teacher's features (B, 192, 8, 8)."""
        with unfused(self.shipped):
            tokens, (inner,) = self.shipped.forward_intermediates(pixels, indices=[self.block])  # type: ignore[operator]
        return self.shipped.forward_head(tokens), self.project(inner)  # type: ignore[operator]


def guided(teacher: Callable[[], nn.Module], module: nn.Module, batch: Batch, step: int) -> Tensor:
    """Cross-entropy plus the squared error between the tokens and the convolutional teacher's features at the same positions.

    Locality guidance (Li et al. 2022): a small transformer is slow to learn which positions are close, a convolution knows it. The teacher
    was trained on labels alone. A network of two heads is distilled as well (Touvron et al. 2021, eq. 3): half the label's loss, half that of
    the teacher's own label.
    """
    assert isinstance(module, Guided)
    pixels = normalised(batch.images)
    with torch.no_grad():
        last, maps = teacher().forward_intermediates(pixels, indices=list(FEATURES))  # type: ignore[operator]
        teacher_label = teacher().forward_head(last).argmax(1)  # type: ignore[operator]
        features = torch.cat([F.interpolate(F.group_norm(part.float(), 1), (8, 8)) for part in maps], 1)
    scores, projected = module.both(pixels)
    feature_loss = F.mse_loss(projected.float(), features)
    if isinstance(scores, Tensor):
        return labelled(scores, batch) + feature_loss
    return (labelled(scores[0], batch) + F.cross_entropy(scores[1].float(), teacher_label)) / 2 + feature_loss


def classified(module: nn.Module, batch: Batch, step: int) -> Tensor:
    """Cross-entropy alone."""
    return labelled(module(normalised(batch.images)), batch)


def labelled(scores: Tensor, batch: Batch) -> Tensor:
    """Cross-entropy with labels smoothed by 0.05."""
    return F.cross_entropy(scores.float(), batch.labels, label_smoothing=0.05)


def denoised(module: nn.Module, batch: Batch, step: int) -> Tensor:
    """The mean squared error of epsilon (Ho et al. 2020, eq. 14); noise and times come from the step's own stream."""
    rng = torch.Generator().manual_seed(step)
    schedule, count = schedules.linear(), len(batch.images)
    low = torch.rand(count, generator=rng) < SHARE
    t = torch.where(low, torch.randint(LOW, (count,), generator=rng), torch.randint(len(schedule), (count,), generator=rng))
    sigma = torch.from_numpy(schedule.sigmas).float()[t]
    eps = torch.randn(batch.images.shape, generator=rng)
    noisy = schedules.to_network(batch.images + sigma.reshape(-1, 1, 1, 1) * eps, sigma)
    return F.mse_loss(module(noisy.contiguous(memory_format=torch.channels_last), t.float()).float(), eps)


@torch.inference_mode()
def accuracy(module: nn.Module) -> dict[str, float]:
    """Share of right labels on the validation split, task by task."""
    shares = {}
    for task, batch in _validation().items():
        labels = torch.cat([module(normalised(part)).argmax(1) for part in batch.images.split(50)])
        shares[task] = (labels == batch.labels).float().mean().item()
    return shares


def gains(module: nn.Module) -> dict[str, float]:
    """PSNR gained by one-shot denoising on the validation split, in dB, at each noise level."""
    images = torch.cat([batch.images[:32] for batch in _validation().values()])
    return {f"gain at {noise}": gain(module, schedules.linear(), images, noise / 255) for noise in NOISES}


def normalised(pixels: Tensor) -> Tensor:
    """What `runtime.backbones` puts before the embedded world's classifiers."""
    return (pixels - 0.5) / 0.5


@functools.cache
def _validation() -> dict[str, Batch]:
    return {task: embedded.batch(task, "val", range(SCORED)) for task in TASKS}


def build(teacher: Callable[[], nn.Module]) -> dict[str, Recipe]:
    """Every recipe by name; `teacher` gives the finished teacher."""
    classifier, by_teacher = functools.partial(Recipe, score=accuracy, eased=True, batch=64), functools.partial(guided, teacher)
    return {
        "vit": classifier(functools.partial(backbone, "vit"), by_teacher, steps=9000, rate=1e-3, decay=0.05),
        "teacher": classifier(residual_network, classified, steps=1500, rate=2e-3, decay=0.05),
        "deit": classifier(functools.partial(backbone, "deit"), by_teacher, steps=9000, rate=1e-3, decay=0.05),
        "swin": classifier(functools.partial(backbone, "swin"), by_teacher, steps=9000, rate=1e-3, decay=0.05),
        "denoiser": Recipe(denoiser, denoised, gains, eased=False, steps=5000, batch=32, rate=1e-3, decay=0.0, ema=0.999),
    }
