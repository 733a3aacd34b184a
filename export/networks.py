"""What can be exported: the backbone, one denoiser step, and `classify draws`, the two of them and the resizes in one graph."""

import hashlib
from dataclasses import replace

import torch
from torch import Tensor, nn

from runtime.checkpoints import fingerprint
from runtime.diffusion import schedule as schedules
from runtime.diffusion.networks import DenoiserNetwork
from runtime.diffusion.schedule import COLOURS
from runtime.network import Network, TensorSpec, at_precision, combined
from runtime.pictures import resize
from runtime.protocols import Backbone

FAR = 1e4  # no bound is known for scores


def backbone(source: Backbone, precision: str = "fp32") -> Network:
    """Pixels (N, 3, S, S) -> scores (N, K)."""
    pixels = TensorSpec("pixels", (3, source.size, source.size), 0.0, 1.0)
    scores = TensorSpec("scores", (len(source.classes),), -FAR, FAR)
    return at_precision(
        Network(source.name, source.model, (pixels,), (scores,), source.weights, fingerprint(source.model)),
        precision,
    )


def denoiser_step(source: DenoiserNetwork, precision: str = "fp32") -> Network:
    """x_t (N, 3, S, S) and t (N,) -> epsilon (N, 3, S, S), with the learned variance behind it where there is one (N, 6, S, S)."""
    x = TensorSpec("x", (COLOURS, source.size, source.size), -2.0, 2.0)
    t = TensorSpec("t", (), 0.0, len(source.schedule) - 1.0)
    eps = TensorSpec("eps", (source.outputs, source.size, source.size), -FAR, FAR)
    return at_precision(Network(source.name, source.model, (x, t), (eps,), source.weights, fingerprint(source.model)), precision)


def classify_draws(eps: Network, scores: Network, with_denoised: bool = False) -> Network:
    """Noisy pixels on the denoiser's grid, t (N,) and sigma (N,) -> scores (N, K), and the denoised pictures on request.

    `eps` and `scores` are networks of `denoiser_step` and `backbone`, in one precision; the arithmetic between them stays float32.
    """
    (_, t), (pixels,) = eps.inputs, scores.inputs
    noisy = replace(eps.inputs[0], name="noisy", low=-1.0, high=2.0)
    sigma = TensorSpec("sigma", (), 0.002, 0.5)
    denoised = replace(pixels, name="denoised")
    module = ClassifyDraws(eps.module, scores.module, pixels.shape[-1], with_denoised)
    return Network(
        f"classify_draws-{eps.name}-{scores.name}" + ("-denoised" if with_denoised else ""),
        module.eval(),
        (noisy, t, sigma),
        (scores.outputs[0], denoised) if with_denoised else scores.outputs,
        combined({eps.name: eps.weights, scores.name: scores.weights}),
        hashlib.sha256(f"{eps.fingerprint} {scores.fingerprint}".encode()).hexdigest(),
        eps.precision,
    )


class ClassifyDraws(nn.Module):
    """One-shot denoising, the resize and the classifier; the same functions as the staged chain calls."""

    def __init__(self, eps: nn.Module, scores: nn.Module, size: int, with_denoised: bool):
        super().__init__()
        self.eps, self.scores, self.size, self.with_denoised = eps, scores, size, with_denoised

    def forward(self, noisy: Tensor, t: Tensor, sigma: Tensor):
        view = resize(schedules.denoised(self.eps, noisy, sigma, t), (self.size, self.size))
        scores = self.scores(view)
        return (scores, view) if self.with_denoised else scores


def example(network: Network, batch: int, seed: int = 0) -> tuple[Tensor, ...]:
    """Inputs of `network` drawn evenly from the range of each; picture inputs are smooth with noise on top, as the chain's are."""
    rng = torch.Generator().manual_seed(seed)
    return tuple(_draw(spec, batch, rng) for spec in network.inputs)


def _draw(spec: TensorSpec, batch: int, rng: torch.Generator) -> Tensor:
    if not spec.shape:
        values = torch.rand(batch, generator=rng) * (spec.high - spec.low) + spec.low
        return values.round() if spec.name == "t" else values
    coarse = torch.rand(batch, spec.shape[0], 8, 8, generator=rng)
    picture = resize(coarse, (spec.shape[1], spec.shape[2])) * (spec.high - spec.low) + spec.low
    return (picture + 0.1 * torch.randn(picture.shape, generator=rng)).clamp(spec.low, spec.high)
