"""The denoiser's network: diffusers' UNet2DModel, and guided-diffusion checkpoints loaded into it.

openai/guided-diffusion and diffusers describe the same network with other names. A checkpoint carries no configuration, so `infer`
reads it off the keys and shapes; only the channels per attention head cannot be seen there (64 in every published 256x256 model).
"""

import re
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from diffusers import UNet2DModel
from torch import Tensor, nn

from runtime import checkpoints
from runtime.errors import CheckpointError

RES = {
    "in_layers.0": "norm1",
    "in_layers.2": "conv1",
    "emb_layers.1": "time_emb_proj",
    "out_layers.0": "norm2",
    "out_layers.3": "conv2",
    "skip_connection": "conv_shortcut",
}
UPSAMPLER = re.compile(r"output_blocks\.\d+\.[12]\.in_layers\.2\.weight")
ENDS = {
    "time_embed.0": "time_embedding.linear_1",
    "time_embed.2": "time_embedding.linear_2",
    "input_blocks.0.0": "conv_in",
    "out.0": "conv_norm_out",
    "out.2": "conv_out",
}


@dataclass(frozen=True)
class UNetConfig:
    """One guided-diffusion UNet: channels of each level, residual blocks a level, levels with attention, channels a head."""

    channels: tuple[int, ...]
    layers: int
    attention: tuple[bool, ...]
    head_channels: int = 64
    out_channels: int = 6


ADM_256 = UNetConfig((256, 256, 512, 512, 1024, 1024), 2, (False, False, False, True, True, True))


class EpsNetwork(nn.Module):
    """x_t (N, 3, H, W) in [-1, 1] and t (N,), whole or fractional -> (N, 3 or 6, H, W): epsilon, then the variance's interpolation."""

    def __init__(self, unet: UNet2DModel):
        super().__init__()
        self.unet = unet

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        return self.unet(x, t, return_dict=False)[0]


class ShuffledEps(nn.Module):
    """The same, its UNet on a grid of half the size with four times the channels: layers at full size cost most (Zhang et al. 2018, FFDNet)."""

    def __init__(self, unet: UNet2DModel):
        super().__init__()
        self.unet = unet

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        return F.pixel_shuffle(self.unet(F.pixel_unshuffle(x, 2), t, return_dict=False)[0], 2)


def build(config: UNetConfig) -> EpsNetwork:
    """The network of `config` in diffusers' modules, in eval mode, without gradients for its parameters."""
    down = tuple("AttnDownBlock2D" if attends else "ResnetDownsampleBlock2D" for attends in config.attention)
    up = tuple("AttnUpBlock2D" if attends else "ResnetUpsampleBlock2D" for attends in reversed(config.attention))
    unet = UNet2DModel(
        in_channels=3,
        out_channels=config.out_channels,
        block_out_channels=config.channels,
        layers_per_block=config.layers,
        down_block_types=down,
        up_block_types=up,
        downsample_type="resnet",
        upsample_type="resnet",
        resnet_time_scale_shift="scale_shift",
        attention_head_dim=config.head_channels,
        norm_num_groups=32,
        attn_norm_num_groups=32,
        norm_eps=1e-5,
    )
    return EpsNetwork(unet).eval().requires_grad_(False)


def load(path: str | Path, head_channels: int = 64) -> EpsNetwork:
    """A guided-diffusion checkpoint (`.pt`, `.safetensors`) as an EpsNetwork; `CheckpointError` names what does not fit."""
    return from_guided(checkpoints.read(path), str(path), head_channels)


def from_guided(state: dict[str, Tensor], source: str, head_channels: int = 64) -> EpsNetwork:
    """A guided-diffusion state dict as an EpsNetwork."""
    config = infer(state, source, head_channels)
    with torch.device("meta"):
        network = build(config)
    network.to_empty(device="cpu")
    checkpoints.fill(network.unet, translate(state, config, source), source)
    return network


def infer(state: dict[str, Tensor], source: str, head_channels: int = 64) -> UNetConfig:
    """The configuration that the keys and shapes of a guided-diffusion state dict spell out."""
    if not {"time_embed.0.weight", "input_blocks.0.0.weight", "out.2.weight"} <= state.keys():
        raise CheckpointError(
            f"{source} is no guided-diffusion UNet: its first keys are {', '.join(sorted(state)[:4])}; "
            "time_embed.0.weight, input_blocks.0.0.weight and out.2.weight are expected"
        )
    decoder = 1 + max(int(key.split(".")[1]) for key in state if key.startswith("output_blocks."))
    ups = sorted(int(key.split(".")[1]) for key in state if UPSAMPLER.fullmatch(key))
    layers = ups[0] if ups else decoder - 1  # a level of the decoder has one block more than the encoder's, and its last one up-samples
    if decoder % (layers + 1):
        raise CheckpointError(
            f"{source} has {decoder} output_blocks, no multiple of {layers + 1}: a model with resblock_updown=True is expected"
        )
    first = range(1, decoder, layers + 1)  # the encoder's first block of each level: layers + 1 apart, the down-sampling one included
    return UNetConfig(
        channels=tuple(_shape(state, f"input_blocks.{block}.0.out_layers.3.weight", source)[0] for block in first),
        layers=layers,
        attention=tuple(f"input_blocks.{block}.1.qkv.weight" in state for block in first),
        head_channels=head_channels,
        out_channels=state["out.2.weight"].shape[0],
    )


def translate(state: dict[str, Tensor], config: UNetConfig, source: str) -> dict[str, Tensor]:
    """guided-diffusion's keys -> diffusers' keys, with qkv split into its three projections."""
    blocks = dict(_blocks(config))
    out: dict[str, Tensor] = {}
    for key, value in state.items():
        stem, _, leaf = key.rpartition(".")
        if stem in ENDS:
            out[f"{ENDS[stem]}.{leaf}"] = value
            continue
        owner = ".".join(stem.split(".")[: 2 if stem.startswith("middle") else 3])
        part = stem.removeprefix(f"{owner}.")
        if owner not in blocks:
            raise CheckpointError(f"{source} is of another architecture: nothing here is called {key}; give the checkpoint of this network")
        if part == "qkv":
            out |= _split_qkv(value, f"{blocks[owner]}", leaf, config.head_channels, source)
        elif part == "proj_out":
            out[f"{blocks[owner]}.to_out.0.{leaf}"] = value.squeeze(-1) if value.ndim == 3 else value
        elif part == "norm":
            out[f"{blocks[owner]}.group_norm.{leaf}"] = value
        elif part in RES:
            out[f"{blocks[owner]}.{RES[part]}.{leaf}"] = value
        else:
            raise CheckpointError(f"{source} is of another architecture: {key} is no part of a residual or attention block")
    return out


def _blocks(config: UNetConfig):
    """(guided-diffusion's block, diffusers' block) for every residual and attention block, in the order of the forward pass."""
    levels, index = len(config.channels), 1
    for level in range(levels):
        for layer in range(config.layers):
            yield f"input_blocks.{index}.0", f"down_blocks.{level}.resnets.{layer}"
            yield f"input_blocks.{index}.1", f"down_blocks.{level}.attentions.{layer}"
            index += 1
        if level < levels - 1:
            yield f"input_blocks.{index}.0", f"down_blocks.{level}.downsamplers.0"
            index += 1
    yield "middle_block.0", "mid_block.resnets.0"
    yield "middle_block.1", "mid_block.attentions.0"
    yield "middle_block.2", "mid_block.resnets.1"
    index = 0
    for level in range(levels):
        attends = config.attention[levels - 1 - level]
        for layer in range(config.layers + 1):
            yield f"output_blocks.{index}.0", f"up_blocks.{level}.resnets.{layer}"
            if attends:
                yield f"output_blocks.{index}.1", f"up_blocks.{level}.attentions.{layer}"
            if layer == config.layers and level < levels - 1:
                yield f"output_blocks.{index}.{2 if attends else 1}", f"up_blocks.{level}.upsamplers.0"
            index += 1


def _split_qkv(value: Tensor, target: str, leaf: str, head_channels: int, source: str) -> dict[str, Tensor]:
    """The legacy order: for each head its q, k and v rows in turn (QKVAttentionLegacy)."""
    rows = value.squeeze(-1) if value.ndim == 3 else value
    channels = rows.shape[0] // 3
    if channels % head_channels:
        raise CheckpointError(
            f"{source}: {channels} attention channels are not a multiple of {head_channels} per head; give the number of channels per head",
            "head channels",
        )
    per_head = rows.reshape(channels // head_channels, 3, head_channels, *rows.shape[1:])
    return {f"{target}.{name}.{leaf}": per_head[:, i].reshape(channels, *rows.shape[1:]) for i, name in enumerate(("to_q", "to_k", "to_v"))}


def _shape(state: dict[str, Tensor], key: str, source: str) -> torch.Size:
    if key not in state:
        raise CheckpointError(f"{source} lacks {key}: a complete guided-diffusion UNet with resblock_updown=True is expected")
    return state[key].shape
