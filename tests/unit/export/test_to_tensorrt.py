"""Which options and versions of TensorRT will do."""

import pytest

from export.to_tensorrt import EngineOptions
from runtime.errors import FvitError
from runtime.sessions import engines


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        ({"batches": (4, 1, 8)}, "1 <= smallest <= tuned for <= largest"),
        ({"level": 6}, "optimisation level 6 given; 0 to 5"),
        ({"flags": ("FP16",)}, "FP16 given, which cannot be used: the engine is strongly typed"),
        ({"flags": ("TF32",)}, "say tf32=True"),
    ],
)
def test_options_that_cannot_be(options, wanted):
    with pytest.raises(FvitError, match=wanted):
        EngineOptions(**options)


@pytest.mark.parametrize(("version", "fits"), [("10.12.0.36", False), ("10.13.0.35", True), ("11.4.0.106", True), ("12.0.1", False)])
def test_the_versions_that_will_do(version, fits):
    assert (engines.unsuitable(version) is None) == fits
