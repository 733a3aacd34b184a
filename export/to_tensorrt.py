"""An ONNX artifact -> a TensorRT engine for this GPU, and the trtexec command that builds the same.

The network is strongly typed: it computes in the types of the ONNX file and in no other. In TensorRT 10 that is a flag, without which an
fp16 file would become another engine than in 11, where it is always on. TF32 is on by default in both; it is cleared unless asked for,
since with it fp32 is not fp32.
No machine of this project has built an engine with this file yet. Its names, keywords and argument counts are checked against the bindings
of TensorRT 10.16 and 11.4, less what came after 10.11 and 11.0 (tests/facts); the trtexec options were read in the 10.16 sources of trtexec.
"""

import json
import shlex
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from runtime.artifact import Artifact, sha256
from runtime.errors import ArtifactError, FvitError
from runtime.files import replaced
from runtime.plugins import known
from runtime.sessions.engines import EngineMachine, available, create, digest, engine_facts, engine_path, failure, logger, machine, require

TYPED = "the engine is strongly typed; export the network in that precision"
REFUSED = dict.fromkeys(("FP16", "BF16", "INT8", "FP8", "INT4", "FP4"), TYPED) | {
    "TF32": "say tf32=True",
    "STRIP_PLAN": "no session puts the weights back",
    "VERSION_COMPATIBLE": "an engine is kept for one TensorRT version",
    "WEIGHT_STREAMING": "an engine that streams its weights cannot be captured in a CUDA graph",
}
TRTEXEC = {
    "REFIT": "--refit",
    "SPARSE_WEIGHTS": "--sparsity=enable",
    "DISABLE_COMPILATION_CACHE": "--noCompilationCache",
    "DISTRIBUTIVE_INDEPENDENCE": "--distributiveIndependence",
}


@dataclass(frozen=True)
class EngineOptions:
    """`batches`: the smallest, the one to tune for, the largest. `level`: 0 to 5, how long to search. `flags`: names of trt.BuilderFlag."""

    batches: tuple[int, int, int] = (1, 8, 32)
    workspace_bytes: int = 4 << 30
    level: int = 3
    tf32: bool = False
    flags: tuple[str, ...] = ()

    def __post_init__(self):
        smallest, tuned, largest = self.batches
        if not 1 <= smallest <= tuned <= largest:
            raise FvitError(f"batches {self.batches} given; 1 <= smallest <= tuned for <= largest is expected")
        if not 0 <= self.level <= 5:
            raise FvitError(f"optimisation level {self.level} given; 0 to 5 is expected, 3 is TensorRT's own")
        for flag in self.flags:
            if flag in REFUSED:
                raise FvitError(f"builder flag {flag} given, which cannot be used: {REFUSED[flag]}")


def build(artifact: Artifact, options: EngineOptions = EngineOptions(), device: torch.device | None = None) -> Path:
    """The engine of `artifact` for this GPU and TensorRT: the one already there if built with these options, else a new one (minutes)."""
    if why := available():
        raise FvitError(f"no TensorRT engine can be built here: {why}")
    device = device or torch.device("cuda", torch.cuda.current_device())
    here = machine(device)
    plan = engine_path(artifact, here)
    if _is_current(plan, artifact, here, options):
        return plan
    with torch.cuda.device(device):
        serialized = _serialized(artifact, options, plan.with_suffix(".timing"))
    _replace(plan, serialized)
    facts = asdict(here) | {"network": digest(artifact), "sha256": sha256(plan)} | asdict(options)
    _replace(plan.with_suffix(".json"), json.dumps(facts, indent=1).encode())
    return plan


def trtexec_line(artifact: Artifact, options: EngineOptions = EngineOptions()) -> str:
    """The command that builds the same engine as `build`, into the artifact's folder, to look at or to time apart.

    No session loads that file: it lacks the JSON file that `build` writes.
    """
    unknown = [flag for flag in options.flags if flag not in TRTEXEC]
    if unknown:
        raise FvitError(f"trtexec has no known option for the builder flags {', '.join(unknown)}; known: {', '.join(TRTEXEC)}")
    profile = [
        f"--{name}Shapes=" + ",".join(f"{spec.name}:{'x'.join(map(str, (batch, *spec.shape)))}" for spec in artifact.inputs)
        for name, batch in zip(("min", "opt", "max"), options.batches, strict=True)
    ]
    line = ["trtexec", f"--onnx={artifact.model}", f"--saveEngine={artifact.folder / 'trtexec.plan'}", "--stronglyTyped", *profile]
    line += [f"--memPoolSize=workspace:{options.workspace_bytes >> 20}M", f"--builderOptimizationLevel={options.level}"]
    line += [f"--timingCacheFile={artifact.folder / 'trtexec.timing'}", *([] if options.tf32 else ["--noTF32"])]
    return shlex.join([*line, *(TRTEXEC[flag] for flag in options.flags)])


def _is_current(plan: Path, artifact: Artifact, here: EngineMachine, options: EngineOptions) -> bool:
    try:
        facts = engine_facts(plan, artifact, here)
    except FvitError:
        return False  # missing, stale or damaged: a new one takes its place
    return json.loads(json.dumps(asdict(options))).items() <= facts.items()


def _serialized(artifact: Artifact, options: EngineOptions, timings: Path):
    """The engine as TensorRT's buffer. The parser must live until the build ends: the network reads the weights it holds."""
    import tensorrt as trt  # type: ignore

    log = logger()
    builder = create(trt.Builder, log)
    typed = 1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED)  # its number differs between 10 and 11
    network = require(builder.create_network(typed), "make a network", log)
    parser = trt.OnnxParser(network, log)
    if not parser.parse_from_file(str(artifact.model)):  # by path, so that it finds the weights beside the file
        errors = [parser.get_error(index) for index in range(parser.num_errors)]
        lines = [f"{error.node_operator()} {error.node_name()}: {error.desc()}" for error in errors]
        raise failure(f"read {artifact.model}", lines + log.errors)
    config = _config(builder, artifact, options, log)
    cache = require(config.create_timing_cache(timings.read_bytes() if timings.is_file() else b""), f"read {timings}; delete it", log)
    require(config.set_timing_cache(cache, ignore_mismatch=False), f"use {timings}; delete it", log)
    plan = require(builder.build_serialized_network(network, config), f"build an engine of {artifact.folder.name}", log)
    _replace(timings, require(config.get_timing_cache(), "give its timings", log).serialize())
    return plan


def _config(builder, artifact: Artifact, options: EngineOptions, log):
    """The builder's settings and one profile with every input in it, the times and noise levels too."""
    import tensorrt as trt  # type: ignore

    config = require(builder.create_builder_config(), "make a configuration", log)
    config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, options.workspace_bytes)
    config.builder_optimization_level = options.level
    config.clear_flag(trt.BuilderFlag.TF32)
    for name in _flags(options, trt.BuilderFlag.__members__):
        config.set_flag(trt.BuilderFlag.__members__[name])
    profile = require(builder.create_optimization_profile(), "make a profile", log)
    smallest, tuned, largest = options.batches
    for spec in artifact.inputs:
        profile.set_shape(spec.name, min=(smallest, *spec.shape), opt=(tuned, *spec.shape), max=(largest, *spec.shape))
    require(config.add_optimization_profile(profile) >= 0, f"take the batches {options.batches}", log)
    return config


def _flags(options: EngineOptions, members: Iterable[str]) -> list[str]:
    """The flags to set, each one known to this TensorRT."""
    return [known(name, members, "builder flag") for name in (*(["TF32"] if options.tf32 else []), *options.flags)]


def _replace(path: Path, data) -> None:
    """Writes all of `data` under that name, or leaves what was there."""
    try:
        with replaced(path) as temporary:
            temporary.write_bytes(data)
    except OSError as error:
        raise ArtifactError(
            f"could not write {path} ({error.strerror}); free some space or set FVIT_CACHE to a folder with room"
        ) from error
