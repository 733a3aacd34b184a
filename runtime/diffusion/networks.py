"""The denoiser networks by name: the paper's 552.8 M one, the embedded world's small one, and guided-diffusion checkpoints."""

from dataclasses import dataclass
from pathlib import Path

import torch
from diffusers import UNet2DModel
from torch import nn

from runtime import checkpoints, names
from runtime.diffusion import schedule, unet
from runtime.diffusion.schedule import NoiseSchedule
from runtime.errors import FvitError
from runtime.network import Weights, random_weights, randomize
from runtime.plugins import known

SEED = 1


@dataclass(frozen=True)
class DenoiserNetwork:
    """An epsilon network, its picture size, schedule and weights."""

    name: str
    model: nn.Module
    size: int
    outputs: int
    schedule: NoiseSchedule
    weights: Weights


def build(name: str, weights: str | Path | None = None, head_channels: int = 64) -> DenoiserNetwork:
    """The network `name`; `weights`: a guided-diffusion checkpoint (only for adm_256), else what ships, or seeded random numbers."""
    known(name, NAMES, "denoiser network")
    if weights is not None:
        if name != "adm_256":
            raise FvitError(f"a checkpoint of the denoiser given, which fits adm_256 alone; {name} was asked for", needs="paper world")
        network = unet.load(weights, head_channels)
        channels = network.unet.config["out_channels"]
        return DenoiserNetwork(name, network, 256, channels, schedule.linear(), checkpoints.of_file(weights))
    if name == "unet_embedded":
        network = architecture().eval().requires_grad_(False)
        return DenoiserNetwork(name, network, 64, 3, schedule.linear(), checkpoints.fill_shipped(network, name))
    with torch.device("meta"):
        network = unet.build(unet.ADM_256)
    network.to_empty(device="cpu")
    randomize(network, SEED)
    return DenoiserNetwork(name, network, 256, 6, schedule.linear(), random_weights(SEED))


def architecture() -> unet.ShuffledEps:
    """The embedded world's: 64 px shuffled to 32, three levels of 64, 96 and 96 channels, attention at 8 px; epsilon only."""
    model = UNet2DModel(
        in_channels=12,
        out_channels=12,
        block_out_channels=(64, 96, 96),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "DownBlock2D", "AttnDownBlock2D"),
        up_block_types=("AttnUpBlock2D", "UpBlock2D", "UpBlock2D"),
        attention_head_dim=32,
        norm_num_groups=8,
    )
    return unet.ShuffledEps(model)


NAMES = names.DENOISER_NETWORKS
