"""Floating-point operations of one call, counted by PyTorch on shapes alone (two for a multiply-add)."""

import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.func import functional_call
from torch.utils.flop_counter import FlopCounterMode

from export.networks import example
from runtime.network import Network


def flops(network: Network) -> int:
    """Matrix products, convolutions and attention of one picture; element-wise work is not counted."""
    state = {**dict(network.module.named_parameters()), **dict(network.module.named_buffers())}  # a state_dict lacks some buffers
    device = next(network.module.parameters()).device
    inputs = tuple(x.to(device) for x in example(network, batch=1))
    with FakeTensorMode() as fake, torch.no_grad(), FlopCounterMode(display=False) as counter:
        shadow: dict[str, torch.Tensor] = {key: fake.from_tensor(value) for key, value in state.items()}
        functional_call(network.module, shadow, tuple(fake.from_tensor(x) for x in inputs))
    return counter.get_total_flops()
