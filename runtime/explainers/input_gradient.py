"""Input gradient, a saliency map (Simonyan et al. 2014): the largest |d score / d pixel| over the colours; the grid is the pixels."""

import torch
from torch import Tensor

from runtime.protocols import Backbone, Explainer


def build(backbone: Backbone, times_input: bool = False) -> Explainer:
    """`times_input`: |gradient x pixel| summed over the colours instead."""

    def explain(images: Tensor, classes: Tensor) -> Tensor:
        with torch.enable_grad():
            pixels = images.detach().clone().requires_grad_()
            (gradient,) = torch.autograd.grad(backbone.model(pixels).gather(1, classes[:, None]).sum(), pixels)
        return (gradient * images).abs().sum(1) if times_input else gradient.abs().amax(1)

    return explain
