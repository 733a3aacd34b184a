"""The precisions that this machine's hardware supports; the others are emulated."""

from pathlib import Path

import torch

INSTRUCTIONS = {  # as /proc/cpuinfo names them
    "avx2": "AVX2",
    "avx512f": "AVX512",
    "avx512_vnni": "VNNI",
    "avx_vnni": "AVX-VNNI",
    "avx512_bf16": "AVX512-BF16",
    "avx512_fp16": "AVX512-FP16",
    "amx_bf16": "AMX-BF16",
    "amx_int8": "AMX-INT8",
}
NEEDS = {"bf16": ("avx512_bf16", "amx_bf16"), "fp16": ("avx512_fp16",), "int8": ("avx512_vnni", "avx_vnni", "amx_int8")}  # one of them
AMPERE = (8, 0)  # the first CUDA architecture with bf16


def flags() -> set[str]:
    """The processor's flags; empty where the system does not list them."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return set()
    return next((set(line.split(":", 1)[1].split()) for line in lines if line.startswith("flags")), set())


def caveat(precision: str, device: torch.device) -> str | None:
    """Why `precision` is slow on `device`; None if the hardware supports it or nothing is known."""
    if device.type == "cuda":
        capability = torch.cuda.get_device_capability(device)
        if precision == "bf16" and capability < AMPERE:
            return f"{torch.cuda.get_device_name(device)} has no bf16 units: bf16 is emulated there, slower than fp16 and than fp32"
        return None
    here = flags()
    if not here or precision not in NEEDS or here.intersection(NEEDS[precision]):
        return None
    wanted = " or ".join(INSTRUCTIONS[flag] for flag in NEEDS[precision])
    return f"this CPU has no {precision} instructions ({wanted}): {precision} is emulated here, as a rule slower than fp32"
