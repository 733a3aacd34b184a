"""How pictures are cut: to the pixel as timm evaluates a network, and as torchvision's transforms that Appendix G names."""

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from timm.data import create_transform, resolve_model_data_config
from torchvision import transforms

from runtime import pictures
from runtime.backbones import build as backbones
from runtime.backbones import deit, swin, vit
from runtime.pictures import Crop

SIZES = [(500, 375), (333, 500), (451, 300), (256, 256), (1024, 513), (249, 1000)]


def photo(size):
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("mode", ["center", "squash"])
def test_as_timm_evaluates(size, mode):
    theirs = create_transform((3, 224, 224), interpolation="bicubic", crop_pct=0.9, crop_mode=mode, mean=(0.0,) * 3, std=(1.0,) * 3)
    ours = pictures.square(photo(size), Crop(224, 248, squash=mode == "squash"))
    assert torch.equal(ours, theirs(photo(size)))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.filterwarnings("ignore:.*enlarged")
def test_as_appendix_g_prints(size):
    theirs = transforms.Compose([transforms.Resize(256), transforms.CenterCrop(224), transforms.ToTensor()])
    assert torch.equal(pictures.square(photo(size), Crop(224, 256, "bilinear")), theirs(photo(size)))


def test_a_network_s_own_crop_is_timm_s():
    own = backbones.build("timm:test_vit").crop
    assert own is not None
    config = resolve_model_data_config(timm.create_model("test_vit")) | {"mean": (0.0,) * 3, "std": (1.0,) * 3}
    image = photo((500, 375))
    assert torch.equal(pictures.square(image, own), create_transform(**config)(image))
    for name in (*vit.TIMM.values(), *deit.TIMM.values(), *swin.TIMM.values()):
        config = timm.get_pretrained_cfg(name)
        assert (config.crop_pct, config.interpolation, config.input_size[-1], config.crop_mode) == (0.9, "bicubic", 224, "center")


@pytest.mark.parametrize(("size", "to"), [((64, 64), (64, 64)), ((24, 20), (32, 32)), ((48, 40), (32, 32))])
def test_no_change_of_a_picture_is_lengthened_beyond_the_norm_and_one_is_by_all_of_it(size, to):
    """By power iteration on the real resize."""
    norm = pictures.resize_norm(size, to)
    change = torch.rand(1, 1, *size, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    for _ in range(200):
        x = change.clone().requires_grad_()
        longer = pictures.resize(x, to)
        change = torch.autograd.grad(longer.square().sum() / 2, x)[0]
        change /= change.norm()
    reached = float(pictures.resize(change, to).norm())
    assert reached <= norm * (1 + 1e-9) and reached == pytest.approx(norm, rel=1e-3)
    assert (norm == 1.0) == (size == to)
