"""GradCAM (Selvaraju et al. 2017) at a transformer's last layer, in two forms.

attention   (sum_h mean_j(g_h[j]) a_h[j])+ : what the head's token takes from each patch, heads weighted by their mean gradient
feature     (sum_c mean_j(g[j, c]) f[j, c])+ : the last block's normalised tokens, channels weighted by their mean gradient
"""

import torch
from torch import Tensor

from runtime.maps import attention
from runtime.maps.hooks import recorded
from runtime.maps.layers import Structure, read_heads, structure
from runtime.plugins import known
from runtime.protocols import Backbone, Explainer


def build(backbone: Backbone, form: str = "attention") -> Explainer:
    """Not scaled to [0, 1] as the public code does, which is undefined where nothing is positive. The grid is the last layer's."""
    body = structure(backbone)
    of_form = FORMS[known(form, FORMS, "form")]

    def explain(images: Tensor, classes: Tensor) -> Tensor:
        values, gradients = of_form(backbone, body, images, classes)
        weights = gradients.mean(-1, keepdim=True)
        windows = body.layers[-1].windows
        return (weights * values).sum(1).clamp_min(0).reshape(-1, *(windows.grid if windows else body.grid))

    return explain


def _of_attention(backbone: Backbone, body: Structure, images: Tensor, classes: Tensor) -> tuple[Tensor, Tensor]:
    """(B, A, patches): the head's row of the last map, and of its gradient."""
    last = body.layers[-1]
    recorded_maps = attention.seen(backbone.model, images, classes, [last])
    values, gradients = (read_heads(body, last, part[0])[..., body.prefix :] for part in (recorded_maps.maps, recorded_maps.gradients))
    return values, gradients


def _of_features(backbone: Backbone, body: Structure, images: Tensor, classes: Tensor) -> tuple[Tensor, Tensor]:
    """(B, C, patches): the last block's normalised tokens, and their gradient."""
    norm = body.layers[-1].block.get_submodule("norm1")
    with torch.enable_grad(), recorded(backbone.model, [norm], tracked=[norm]) as record:
        scores = backbone.model(images)
    tokens = record.outputs[norm]
    (gradient,) = torch.autograd.grad(scores.gather(1, classes[:, None]).sum(), tokens)
    values, gradients = (
        one.reshape(len(images), -1, one.shape[-1])[:, body.prefix :].transpose(1, 2) for one in (tokens.detach(), gradient)
    )
    return values, gradients


FORMS = {"attention": _of_attention, "feature": _of_features}
