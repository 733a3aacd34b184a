"""The steps of `bench/gpu.sh`, each a separate command under its own time limit, the most telling first: a cut leaves what was measured.

The limits add up to the eight minutes that one call on a lent machine may take; a step that a limit ends keeps the rows it has written.
Nothing but the standard library is imported here, so that a machine without this project's packages can list the steps.
"""

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

from bench.records.child import run

CUT = 124  # as timeout(1) has it


@dataclass(frozen=True)
class Step:
    """`words`: of `python -m`; OUT stands for the results folder. `limit`: seconds.

    `tiny`: the words of a rehearsal; those of an earlier step once more find everything measured.
    """

    name: str
    words: tuple[str, ...]
    tiny: tuple[str, ...]
    limit: float


def _fvit(line: str) -> tuple[str, ...]:
    return ("bench", *line.split(), "--results", "OUT")


STEPS = (
    Step(
        "bf16: a UNet step and three backbones, batches 1 to 64, in pairs with fp32, and their share of the ceiling",
        _fvit("roofline --device cuda --network unet_552m,vit_b16,deit_b16,swin_b --batch 1,16,64 --session eager --precision bf16 --pairs 3"),
        _fvit("roofline --device cpu --network unet_12m --batch 1,2 --session eager --precision bf16 --pairs 2"),
        130,
    ),
    Step(
        "Table 3 in bf16: one-shot, and the chains of t* = 8 and 45",
        _fvit(
            "table 3 --device cuda --world paper --precision bf16 --session eager --rule per-step --draws 16 --rounds 3 --chain-rounds 1 "
            "--budget 9"
        ),
        _fvit("table 3 --device cpu --precision bf16 --session eager --rule per-step --denoise one_shot --draws 1 --rounds 1"),
        120,
    ),
    Step(
        "the same contracts as on the CPU",
        ("pytest", "-q", "-p", "no:cacheprovider", "tests/chain/contracts/test_sessions.py", "-k", "cuda"),
        ("pytest", "-q", "-p", "no:cacheprovider", "tests/chain/contracts/test_sessions.py", "-k", "eager-backbone"),
        50,
    ),
    Step(
        "latency of the embedded world's service",
        _fvit("latency --device cuda --session eager --precision bf16 --scenario single-stream --seconds 5 --limit 50"),
        _fvit("latency --device cpu --session eager --precision bf16 --scenario single-stream --answer label --draws 1 --seconds 1"),
        50,
    ),
    Step(
        "compiled, ONNX Runtime's CUDA provider, and TensorRT where it loads",
        _fvit("roofline --device cuda --network vit_b16 --batch 64 --session compiled,ort,trt --precision bf16,fp16 --pairs 3"),
        _fvit("roofline --device cpu --network unet_12m --batch 2 --session ort --precision fp32 --pairs 2"),
        90,
    ),
    Step(
        "a UNet step in fp16",
        _fvit("roofline --device cuda --network unet_552m --batch 16 --session eager --precision fp16 --pairs 3"),
        _fvit("roofline --device cpu --network unet_12m --batch 1,2 --session eager --precision bf16 --pairs 2"),
        40,
    ),
)  # fmt: skip


def main() -> int:
    """Runs every step; prints how each ended. 0 if all ended well."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rehearse", action="store_true", help="tiny, on the CPU")
    parser.add_argument("--list", action="store_true", help="say what would run, and stop")
    parser.add_argument("--out", type=Path, default=Path("results"))
    options = parser.parse_args()
    codes = []
    for number, step in enumerate(STEPS, 1):
        words = words_of(step, options.rehearse, options.out.resolve())
        print(f"[{number}/{len(STEPS)}] {step.name} (at most {step.limit:.0f} s)\n  python -m {' '.join(words)}", flush=True)
        if not options.list:
            codes.append(run_step(words, step.limit if not options.rehearse else 10 * step.limit))
    return int(any(codes))


def words_of(step: Step, rehearse: bool, out: Path) -> list[str]:
    """What follows `python -m`."""
    return [str(out) if word == "OUT" else word for word in (step.tiny if rehearse else step.words)]


def run_step(words: list[str], limit: float) -> int:
    """The exit code of one step, or CUT after its limit; whatever it started ends with it."""
    from bench.records.clock import now  # loads PyTorch

    start = now()
    code, _ = run([sys.executable, "-m", *words], limit)
    result = "ended by its limit; the rows it wrote are kept" if code is None else f"exit code {code}" if code else "done"
    print(f"  {result}, {now() - start:.0f} s", flush=True)
    return CUT if code is None else code


if __name__ == "__main__":
    sys.exit(main())
