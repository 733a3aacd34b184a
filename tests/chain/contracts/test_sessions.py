"""What every session promises, for each file in runtime/sessions that can run here."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from export import networks, parity, quantize, to_onnx
from export.quantize import Calibration
from helpers.small import small_backbone, small_denoiser
from runtime import names, plugins
from runtime.diffusion import schedule, unet
from runtime.diffusion.networks import DenoiserNetwork
from runtime.errors import FvitError, SessionUnavailable
from runtime.network import Network, TensorSpec, at_precision, random_weights, randomize

DEVICES = ("cpu", "cuda") if torch.cuda.is_available() else ("cpu",)
NAMES = plugins.names("runtime.sessions")
KINDS = ("backbone", "denoiser", "classify_draws")
COMPILES_EACH_SHAPE = ("compiled",)  # half a minute a shape for a UNet: these see the backbone alone
PRECISIONS = [
    (name, precision, device)
    for device in DEVICES
    for name in NAMES
    for precision in plugins.load("runtime.sessions", name).PRECISIONS
    if precision != "fp32"
]
PAIRS = [(name, kind, device) for device in DEVICES for name in NAMES for kind in (KINDS[:1] if name in COMPILES_EACH_SHAPE else KINDS)]


def made(kind: str, precision: str = "fp32"):
    backbone, denoiser = networks.backbone(small_backbone(), precision), networks.denoiser_step(small_denoiser(), precision)
    return {"backbone": backbone, "denoiser": denoiser, "classify_draws": networks.classify_draws(denoiser, backbone, with_denoised=True)}[
        kind
    ]


@pytest.mark.parametrize("name", NAMES)
def test_declares_what_it_takes_and_tells_what_it_computes_with(name):
    plugin = plugins.load("runtime.sessions", name)
    assert plugin.TAKES in ("network", "artifact") and set(plugin.PRECISIONS) <= set(names.PRECISIONS)
    if plugin.available() is None:
        assert plugin.told(torch.device("cpu")).strip() and "\n" not in plugin.told(torch.device("cpu"))


@pytest.fixture(scope="module", params=PAIRS, ids="-".join)
def loaded(request):
    """The session, its network, and what makes inputs of a batch on its device."""
    name, kind, on = request.param
    plugin, device, network = plugins.load("runtime.sessions", name), torch.device(on), made(kind)
    if why := plugin.available():
        with pytest.raises(SessionUnavailable if plugin.TAKES == "artifact" else Exception):
            plugin.load(to_onnx.export(network), device)
        pytest.skip(f"{name}: {why}")
    session = session_of(plugin, to_onnx.export(network) if plugin.TAKES == "artifact" else network, device)
    return session, network, lambda batch, seed=0: tuple(x.to(device) for x in networks.example(network, batch, seed))


def session_of(plugin, source, device):
    """On a GPU a session may lack its libraries; it says so, and the contract is the CPU's alone."""
    try:
        return plugin.load(source, device)
    except SessionUnavailable as error:
        if device.type == "cpu":
            raise
        pytest.skip(str(error))


def test_says_where_and_how_it_computes(loaded):
    session, _, _ = loaded
    assert session.facts["provider"] and session.facts["compute_precision"] == "fp32"


def test_same_numbers_as_eager(loaded):
    session, network, inputs = loaded
    device = inputs(1)[0].device
    eager = plugins.load("runtime.sessions", "eager").load(network, device)
    found = parity.check(network, eager, session, "fp32", device=device)
    assert found.cosine > 0.99999


@pytest.mark.parametrize(("name", "precision", "on"), PRECISIONS, ids=["-".join(one) for one in PRECISIONS])
def test_every_precision_within_its_tolerance_or_refused(name, precision, on):
    """bf16 convolutions are not in ONNX Runtime's CPU provider; a session that cannot run here has been seen above."""
    plugin = plugins.load("runtime.sessions", name)
    if why := plugin.available():
        pytest.skip(f"{name}: {why}")
    kind = "backbone" if name in COMPILES_EACH_SHAPE else "classify_draws"
    exact, given, device = made(kind), None, torch.device(on)
    if name in COMPILES_EACH_SHAPE:
        given = [("batch 3", networks.example(exact, 3))]
    try:
        if precision == "int8":
            calibration = Calibration(random_weights(0), (networks.example(exact, 16),))
            source, given = quantize.export(exact, calibration, keep=()), [("other pictures", networks.example(exact, 16, seed=9))]
        else:
            low = made(kind, precision)
            source = to_onnx.export(low) if plugin.TAKES == "artifact" else low
        session = session_of(plugin, source, device)
    except SessionUnavailable as error:
        assert (name, precision) == ("ort", "bf16") and precision in str(error)
        return
    assert session.facts["compute_precision"] == precision
    found = parity.check(exact, plugins.load("runtime.sessions", "eager").load(exact, device), session, precision, given, device)
    assert found.largest > 0, "another arithmetic than fp32's"


def test_any_batch_and_inputs_untouched(loaded):
    session, _, inputs = loaded
    for batch in parity.BATCHES:
        given = inputs(batch)
        before = [x.clone() for x in given]
        out = session(*given)
        assert all(len(x) == batch for x in (out if isinstance(out, tuple) else (out,)))
        assert all(torch.equal(a, b) for a, b in zip(before, given, strict=True))


def test_an_output_is_not_changed_by_the_next_call(loaded):
    session, _, inputs = loaded
    first = session(*inputs(2, seed=1))
    first = first if isinstance(first, tuple) else (first,)
    kept = [x.clone() for x in first]
    session(*inputs(2, seed=2))
    assert all(torch.equal(a, b) for a, b in zip(kept, first, strict=True))


def test_a_strided_input_counts_as_its_values(loaded):
    session, _, inputs = loaded
    given = inputs(parity.BATCHES[-1])
    strided = tuple(torch.stack([x, x], -1)[..., 0] for x in given)
    a, b = session(*given), session(*strided)
    a, b = (a[0], b[0]) if isinstance(a, tuple) else (a, b)
    torch.testing.assert_close(a, b)


def test_a_wrong_shape_dtype_or_count_is_refused_by_name(loaded):
    session, network, inputs = loaded
    given = inputs(parity.BATCHES[-1])
    name = network.inputs[0].name
    with pytest.raises(FvitError, match=rf"input {name} of .*\(2, 3, 9, 9\).* is expected"):
        session(torch.zeros(2, 3, 9, 9, device=given[0].device), *given[1:])
    with pytest.raises(FvitError, match="float64"):
        session(given[0].double(), *given[1:])
    with pytest.raises(FvitError, match=f"takes {len(given)} inputs"):
        session(*given, given[0])
    with pytest.raises(FvitError, match="batch of 0"):
        session(*(x[:0] for x in given))


class Phase(nn.Module):
    """A wave of the time step: half of 777 is 388.5, which bf16 would make 388."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 1, bias=False)  # without a matrix product behind it OpenVINO leaves the wave alone
        nn.init.dirac_(self.conv.weight)

    def forward(self, x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        return self.conv((x + torch.sin(t * 0.5)[:, None, None, None]).to(x.dtype))


@pytest.mark.parametrize("name", [name for name in NAMES if name not in COMPILES_EACH_SHAPE])
def test_bf16_does_not_round_the_time_step(name, own_cache):
    plugin, x, t = plugins.load("runtime.sessions", name), TensorSpec("x", (3, 8, 8), -1.0, 1.0), TensorSpec("t", (), 0.0, 999.0)
    if why := plugin.available():
        pytest.skip(f"{name}: {why}")
    exact = Network("phase", Phase().eval().requires_grad_(False), (x, t), (replace(x, name="eps"),), random_weights(0), "phase-conv")
    low = at_precision(exact, "bf16")
    source = low if plugin.TAKES == "network" else to_onnx.export(exact if "bf16" in getattr(plugin, "FILES", {}) else low).at("bf16")
    try:
        session = plugin.load(source, torch.device("cpu"))
    except SessionUnavailable as error:
        assert name == "ort" and "bf16" in str(error)
        return
    found = session(torch.zeros(2, 3, 8, 8), torch.tensor([3.0, 777.0]))
    wanted = torch.sin(torch.tensor([1.5, 388.5]))
    assert torch.allclose(found[:, 0, 0, 0], wanted, atol=0.01), (found[:, 0, 0, 0], wanted)


@pytest.mark.parametrize("name", [name for name in NAMES if name not in COMPILES_EACH_SHAPE])
def test_a_guided_diffusion_unet(name, own_cache):
    """Its blocks scale a group norm by what the time says: OpenVINO's generated loops died of it."""
    plugin, model = plugins.load("runtime.sessions", name), unet.build(unet.UNetConfig((32, 64), 1, (False, True), 32))
    if why := plugin.available():
        pytest.skip(f"{name}: {why}")
    randomize(model, 2)
    network = networks.denoiser_step(DenoiserNetwork("guided_test", model, 32, 6, schedule.linear(), random_weights(2)))
    session = plugin.load(to_onnx.export(network) if plugin.TAKES == "artifact" else network, torch.device("cpu"))
    inputs = networks.example(network, 2)
    torch.testing.assert_close(session(*inputs), network.module(*inputs), rtol=1e-3, atol=1e-4)
