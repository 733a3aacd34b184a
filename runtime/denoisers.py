"""The denoiser networks by name: the paper's 552.8 M one, the embedded world's small one, and guided-diffusion checkpoints."""

from dataclasses import dataclass
from pathlib import Path

import torch
from diffusers import UNet2DModel
from torch import nn

from runtime import schedule, unet
from runtime.errors import FvitError
from runtime.network import randomize
from runtime.plugins import known
from runtime.schedule import NoiseSchedule

SEED = 1


@dataclass(frozen=True)
class DenoiserNetwork:
    """An epsilon network, its picture size and schedule, and where its numbers come from."""

    name: str
    model: nn.Module
    size: int
    outputs: int
    schedule: NoiseSchedule
    weights: str


def build(name: str, weights: str | Path | None = None, head_channels: int = 64) -> DenoiserNetwork:
    """The network `name`; `weights`: a guided-diffusion checkpoint (only for adm_256), else seeded random numbers."""
    known(name, NAMES, "denoiser network")
    if weights is not None:
        if name != "adm_256":
            raise FvitError(f"--denoiser-weights are for adm_256, {name} was asked for; add --world paper")
        network = unet.load(weights, head_channels)
        channels = network.unet.config["out_channels"]
        return DenoiserNetwork(name, network, 256, channels, schedule.linear(), f"file {Path(weights).name}")
    network = _random(lambda: unet.build(unet.ADM_256)) if name == "adm_256" else _random(_embedded)
    size, outputs = (256, 6) if name == "adm_256" else (64, 3)
    return DenoiserNetwork(name, network, size, outputs, schedule.linear(), f"random, seed {SEED}")


def _random(make) -> nn.Module:
    with torch.device("meta"):
        network = make()
    network.to_empty(device="cpu")
    randomize(network, SEED)
    return network


def _embedded() -> unet.EpsNetwork:
    """64 px, three levels of 16, 32 and 64 channels, attention at 16 px; epsilon only."""
    model = UNet2DModel(
        in_channels=3,
        out_channels=3,
        block_out_channels=(16, 32, 64),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "DownBlock2D", "AttnDownBlock2D"),
        up_block_types=("AttnUpBlock2D", "UpBlock2D", "UpBlock2D"),
        attention_head_dim=16,
        norm_num_groups=8,
    )
    return unet.EpsNetwork(model).eval().requires_grad_(False)


NAMES = ("adm_256", "unet_embedded")
