"""The oracles' random ViTs as backbones."""

import json

from timm.models.vision_transformer import VisionTransformer

from helpers.oracle import need, weights
from runtime.backbones import build as backbone
from runtime.protocols import Backbone


def vit(name: str) -> Backbone:
    """vit_s64, vit_t224 or vit_base of the group vit_models, with its recorded weights."""
    facts = json.loads(need(f"vit_models/{name}.config.json").read_text())
    facts = facts.get("VisionTransformer", facts)
    size = {key: facts[key] for key in ("img_size", "patch_size", "embed_dim", "depth", "num_heads", "mlp_ratio", "num_classes")}
    model = VisionTransformer(**size, qkv_bias=True)
    built = backbone.wrap(name, model, tuple(map(str, range(size["num_classes"]))), (0.5,) * 3, (0.5,) * 3, size["img_size"])
    model.load_state_dict(weights(f"vit_models/{name}"), strict=True)
    return built
