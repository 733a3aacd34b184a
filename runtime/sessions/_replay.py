"""Shared by sessions that replay CUDA graphs: fixed buffers, and a call on them in the session's own stream."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from runtime.errors import FvitError


def replay(run: Callable[[], None], given: Sequence[Tensor], into: Sequence[Tensor], out: Sequence[Tensor], stream: torch.cuda.Stream):
    """Copies `given` into the buffers `into`, lets `run` work on `stream`, and returns copies of the buffers `out` in float32.

    `stream` starts after what the caller's stream was given so far, and the caller's stream goes on after `stream`; the host waits for
    neither. A tensor's memory is used again only after both. FvitError for an input on another device.
    """
    if any(x.device != stream.device for x in given):
        raise FvitError(f"inputs on {', '.join(str(x.device) for x in given)} given, {stream.device} is expected")
    caller = torch.cuda.current_stream(stream.device)
    stream.wait_stream(caller)
    with torch.inference_mode(), torch.cuda.stream(stream):
        for buffer, x in zip(into, given, strict=True):
            buffer.copy_(x)
            x.record_stream(stream)
        run()
        outputs = tuple(buffer.to(torch.float32, copy=True) for buffer in out)
    caller.wait_stream(stream)
    for output in outputs:
        output.record_stream(caller)
    return outputs[0] if len(outputs) == 1 else outputs
