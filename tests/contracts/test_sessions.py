"""What every session promises, for each file in runtime/sessions that can run here."""

import pytest
import torch
from small import small_backbone, small_denoiser

from export import networks, parity, quantize, to_onnx
from export.quantize import Calibration
from runtime import plugins
from runtime.artifact import Artifact
from runtime.errors import FvitError, SessionUnavailable

CPU = torch.device("cpu")
NAMES = plugins.names("runtime.sessions")
KINDS = ("backbone", "denoiser", "classify_draws")
COMPILES_EACH_SHAPE = ("compiled",)  # half a minute a shape for a UNet: these see the backbone alone
PRECISIONS = [(name, precision) for name in NAMES for precision in plugins.load("runtime.sessions", name).PRECISIONS if precision != "fp32"]
PAIRS = [(name, kind) for name in NAMES for kind in (KINDS[:1] if name in COMPILES_EACH_SHAPE else KINDS)]


def made(kind: str, precision: str = "fp32"):
    backbone, denoiser = networks.backbone(small_backbone(), precision), networks.denoiser_step(small_denoiser(), precision)
    return {"backbone": backbone, "denoiser": denoiser, "classify_draws": networks.classify_draws(denoiser, backbone, with_denoised=True)}[
        kind
    ]


@pytest.fixture(scope="module", params=PAIRS, ids="-".join)
def loaded(request):
    name, kind = request.param
    plugin = plugins.load("runtime.sessions", name)
    if why := plugin.available():
        with pytest.raises(SessionUnavailable if plugin.SOURCE is Artifact else Exception):
            plugin.load(to_onnx.export(made(kind)), CPU)
        pytest.skip(f"{name}: {why}")
    network = made(kind)
    return plugin.load(to_onnx.export(network) if plugin.SOURCE is Artifact else network, CPU), network


def test_says_where_and_how_it_computes(loaded):
    session, _ = loaded
    assert session.facts["provider"] and session.facts["compute_precision"] == "fp32"


def test_same_numbers_as_eager(loaded):
    session, network = loaded
    eager = plugins.load("runtime.sessions", "eager").load(network, CPU)
    found = parity.check(network, eager, session, "fp32")
    assert found.cosine > 0.99999


@pytest.mark.parametrize(("name", "precision"), PRECISIONS, ids=["-".join(pair) for pair in PRECISIONS])
def test_every_precision_within_its_tolerance_or_refused(name, precision):
    """bf16 convolutions are not in ONNX Runtime's CPU provider; a session that cannot run here has been seen above."""
    plugin = plugins.load("runtime.sessions", name)
    if why := plugin.available():
        pytest.skip(f"{name}: {why}")
    kind = "backbone" if name in COMPILES_EACH_SHAPE else "classify_draws"
    exact, given = made(kind), None
    try:
        if precision == "int8":
            calibration = Calibration("made for a test", (networks.example(exact, 16),))
            source, given = quantize.export(exact, calibration, keep=()), [("other pictures", networks.example(exact, 16, seed=9))]
        else:
            low = made(kind, precision)
            source = to_onnx.export(low) if plugin.SOURCE is Artifact else low
        session = plugin.load(source, CPU)
    except SessionUnavailable as error:
        assert (name, precision) == ("ort", "bf16") and precision in str(error)
        return
    assert session.facts["compute_precision"] == precision
    found = parity.check(exact, plugins.load("runtime.sessions", "eager").load(exact, CPU), session, precision, given)
    assert found.largest > 0, "another arithmetic than fp32's"


def test_any_batch_and_inputs_untouched(loaded):
    session, network = loaded
    for batch in parity.BATCHES:
        inputs = networks.example(network, batch)
        before = [x.clone() for x in inputs]
        out = session(*inputs)
        assert all(len(x) == batch for x in (out if isinstance(out, tuple) else (out,)))
        assert all(torch.equal(a, b) for a, b in zip(before, inputs, strict=True))


def test_an_output_is_not_changed_by_the_next_call(loaded):
    session, network = loaded
    first = session(*networks.example(network, 2, seed=1))
    first = first if isinstance(first, tuple) else (first,)
    kept = [x.clone() for x in first]
    session(*networks.example(network, 2, seed=2))
    assert all(torch.equal(a, b) for a, b in zip(kept, first, strict=True))


def test_a_strided_input_counts_as_its_values(loaded):
    session, network = loaded
    inputs = networks.example(network, parity.BATCHES[-1])
    strided = tuple(torch.stack([x, x], -1)[..., 0] for x in inputs)
    a, b = session(*inputs), session(*strided)
    a, b = (a[0], b[0]) if isinstance(a, tuple) else (a, b)
    torch.testing.assert_close(a, b)


def test_a_wrong_shape_dtype_or_count_is_refused_by_name(loaded):
    session, network = loaded
    inputs = networks.example(network, parity.BATCHES[-1])
    name = network.inputs[0].name
    with pytest.raises(FvitError, match=rf"input {name} of .*\(2, 3, 9, 9\).* is wanted"):
        session(torch.zeros(2, 3, 9, 9), *inputs[1:])
    with pytest.raises(FvitError, match="float64"):
        session(inputs[0].double(), *inputs[1:])
    with pytest.raises(FvitError, match=f"takes {len(inputs)} inputs"):
        session(*inputs, inputs[0])
    with pytest.raises(FvitError, match="batch of 0"):
        session(*(x[:0] for x in inputs))
