"""Every recorded map of Transformer-Explainability's ViT of the paper's size, in float64: minutes."""

import pytest

from helpers.chefer import VARIANTS, agrees_in_float64


@pytest.mark.parametrize("key", VARIANTS)
def test_maps_of_the_papers_size(key):
    agrees_in_float64("vit_base", key)
