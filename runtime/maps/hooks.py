"""Records what goes into a model's modules and what comes out of them, attention maps included."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from torch import Tensor, nn

from runtime.errors import FvitError


@dataclass(frozen=True)
class Record:
    """One forward pass: what went into each recorded module (its first argument) and what came out."""

    inputs: dict[nn.Module, Tensor] = field(default_factory=dict)
    outputs: dict[nn.Module, Tensor] = field(default_factory=dict)


@contextmanager
def recorded(model: nn.Module, modules: Collection[nn.Module], tracked: Collection[nn.Module] = ()) -> Iterator[Record]:
    """Records `modules` of `model` while they run inside the block; outputs of `tracked` ones get gradients, and no earlier tensor does.

    timm's attention computes its map only when `fused_attn` is off; it is switched off here and restored on leaving, after an exception
    too, and no hook stays. A module that did not run, or ran twice, raises rather than leave a record with a hole.
    """
    record, wanted, hooks = Record(), {*modules, *tracked}, []

    def keep(module: nn.Module, inputs: tuple, output: Tensor) -> Tensor | None:
        if module in record.outputs:
            raise FvitError(f"{_name(model, module)} ran twice; record one forward pass, with no module reused")
        leaf = output.detach().requires_grad_() if module in tracked and not output.requires_grad else None
        record.inputs[module], record.outputs[module] = inputs[0], output if leaf is None else leaf
        return leaf

    with unfused(model):
        try:
            hooks.extend(module.register_forward_hook(keep) for module in wanted)
            yield record
            silent = [_name(model, module) for module in wanted if module not in record.outputs]
            if silent:
                raise FvitError(f"{', '.join(silent[:3])} of {type(model).__name__} did not run; run the model inside the with")
        finally:
            for hook in hooks:
                hook.remove()


@contextmanager
def unfused(model: nn.Module, kind: type[nn.Module] = nn.Module) -> Iterator[None]:
    """Inside the block the attention modules of `model` (those of one `kind`) compute their maps step by step; restored on leaving."""
    blocks = [module for module in model.modules() if hasattr(module, "fused_attn") and isinstance(module, kind)]
    before = [block.fused_attn for block in blocks]
    try:
        for block in blocks:
            block.fused_attn = False  # type: ignore[assignment]
        yield
    finally:
        for block, fused in zip(blocks, before, strict=True):
            block.fused_attn = fused  # type: ignore[assignment]


def _name(model: nn.Module, module: nn.Module) -> str:
    return next((name for name, one in model.named_modules() if one is module), type(module).__name__)
