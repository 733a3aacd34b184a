"""Table 3's campaign: the rounds of its cells, interleaved, each row on the disk before the next is begun, resumed where it stopped.

The printed seconds grow by 8e-5 s a step from t* = 8 to 193 and drop where no denoiser is called: they are one call, the ViT and its map
for each draw, not t* calls. So both are measured, and only the one-shot rows are compared with the printed ones.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from itertools import product
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from bench.protocols import SIGMAS, Run
from bench.records import ceilings as roofline
from bench.records import machine
from bench.records import rows as records
from bench.records.ceilings import flops
from bench.records.rows import Rows
from bench.studies.draws import coldstart, measure
from bench.studies.draws.measure import DrawBench, noise_level
from bench.worlds.workbench import unavailable, usable
from bench.worlds.world import World, WorldOptions, build
from runtime import plugins
from runtime.errors import FvitError


@dataclass(frozen=True)
class Options:
    """What to measure: sessions and precisions, rounds of each cell, the most seconds that one round of one chain cell may take."""

    world: WorldOptions
    sessions: tuple[str, ...]
    precisions: tuple[str, ...] = ("fp32",)
    rules: tuple[str, ...] = ("cumulative", "per-step")
    denoise: tuple[str, ...] = ("one_shot", "chain")
    draws: int = 10
    rounds: int = 6
    chain_rounds: int = 2
    budget: float = 6.0
    seed: int = 0
    device: str = "cpu"
    results: Path = field(default=Path("results"))


def cells(options: Options, world: World) -> list[Run]:
    """Session x precision x denoiser x rule x sigma, and the fused graph of exported files, one-shot under the first rule."""
    explain = "rollout" if world.backbone.prefix_tokens else None
    shared = (options.draws, options.world.images, explain, options.seed)
    out = []
    for denoise, rule, sigma, precision in product(options.denoise, options.rules, SIGMAS, options.precisions):
        for session in options.sessions:
            exported = plugins.load("runtime.sessions", session).SOURCE.__name__ == "Artifact"
            for graph in ("staged", "fused") if exported and (denoise, rule) == ("one_shot", options.rules[0]) else ("staged",):
                names = (world.name, world.backbone.name, world.denoiser.name, session, precision, graph)
                out.append(Run(*names, denoise, rule, sigma, *shared))
    return out


def table3(options: Options, console: Console, fresh: bool = False) -> list[dict]:
    """Measures what is missing and returns the campaign's rows."""
    usable(options.sessions)
    world = build(options.world)
    return run(3, options, world, cells(options, world), console, fresh)


def folder(options: Options) -> Path:
    """results/<world>-<machine>"""
    return options.results / f"{options.world.name}-{machine.machine()}"


def settings(options: Options, table: int) -> dict:
    """Everything that may not change within a campaign; file names without their folders."""
    facts = asdict(options) | {"table": table}
    facts.pop("results")
    return {key: _plain(value) for key, value in facts.items()}


def run(table: int, options: Options, world: World, cells: Sequence[Run], console: Console, fresh: bool = False) -> list[dict]:
    """Measures what is missing of `cells` and returns the campaign's rows. Ctrl-C leaves every finished round in the file."""
    loop = begin(table, options, world, console, fresh)
    loop.all(cells)
    return loop.rows_so_far()


def begin(table: int, options: Options, world: World, console: Console, fresh: bool = False) -> "Loop":
    """The campaign of these settings at this commit, its head row written if it is new."""
    rows = Rows(folder(options))
    before, wanted = rows.read(), settings(options, table) | {"fingerprints": world.fingerprints()}
    if rows.dropped:
        console.print(f"{rows.path}: {rows.dropped} line(s) cut in the middle left out")
    name = records.campaign([] if fresh else before, wanted)
    if not any(row["campaign"] == name for row in before):
        weights = {"backbone": world.backbone.weights, "denoiser": world.denoiser.weights, "pictures": world.source}
        ceilings = {precision: roofline.ceiling(precision, torch.device(options.device)) for precision in options.precisions}
        head = {"settings": wanted, "environment": machine.environment(), "weights": weights, "unavailable": unavailable()}
        rows.append({"kind": "campaign", "campaign": name} | head | {"ceilings": ceilings})
    bench = DrawBench(world, torch.device(options.device), lambda line: console.print(f"[dim]{line}[/dim]", highlight=False))
    return Loop(rows, name, bench, options, console)


class Loop:
    """One pass over what a campaign still lacks."""

    def __init__(self, rows: Rows, name: str, bench: DrawBench, options: Options, console: Console):
        self.rows, self.name, self.bench, self.options, self.console = rows, name, bench, options, console
        mine = self.rows_so_far()
        self.ceilings, self.flops = mine[0]["ceilings"], {}
        self.done = Counter(row["key"] for row in mine if row["kind"] == "time")
        self.settled = {row["key"] for row in mine if row["kind"] == "reason"}
        self.described = {(row["session"], row["precision"], row["network_kind"]) for row in mine if row["kind"] == "network"}
        self.cold = {(row["session"], row["precision"]) for row in mine if row["kind"] == "cold"}
        self.call_seconds = {_engine(row["run"]): _per_call(row) for row in mine if row["kind"] == "time" and _per_call(row)}

    def rows_so_far(self) -> list[dict]:
        """The campaign's rows on disk."""
        return [row for row in self.rows.read() if row["campaign"] == self.name]

    def all(self, cells: Sequence[Run]) -> None:
        todo = [(index, run) for index in range(self.options.rounds) for run in cells if self._missing(run, index)]
        if not todo:
            self.console.print(f"all {len(cells)} cells were measured at this commit before; --fresh measures again")
        else:
            self.describe(cells)
            self._cold(cells)
            self._warm_up(cells)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
        with Progress(*columns, console=self.console, transient=True) as progress:
            bar = progress.add_task("measuring", total=len(todo))
            for index, run in todo:
                progress.update(bar, description=f"round {index + 1}: {run.session} {run.graph} {run.denoise} {run.rule} {run.sigma:g}/255")
                self._one(run)
                progress.advance(bar)

    def _missing(self, run: Run, index: int) -> bool:
        rounds = self.options.chain_rounds if run.denoise == "chain" else self.options.rounds
        return run.key not in self.settled and index < rounds and self.done[run.key] <= index

    def _one(self, run: Run) -> None:
        """One round of one cell, or the reason why there is none."""
        if run.key in self.settled:
            return
        if run.graph == "fused" and not noise_level(run, self.bench.world).denoises:
            self._reason(run, "no denoiser is called here, so there is nothing to fuse", "not defined")
            return
        try:
            if reason := self._too_long(run):
                self._reason(run, reason, "computed")
                return
            row = measure.measure(run, self.bench)
        except FvitError as error:
            self._reason(run, str(error), type(error).__name__)
            return
        self.record(run, row)

    def record(self, run: Run, row: dict) -> None:
        """Writes one measured round of `run`."""
        share = self._operations(run, row["calls"]) / self.ceilings[run.precision] / row["seconds"]
        self._write("time", {"key": run.key, "run": run.asdict(), "round": self.done[run.key]} | row | {"roofline_share": share})
        self.done[run.key] += 1
        if per_call := _per_call({"run": run.asdict()} | row):
            self.call_seconds[_engine(run.asdict())] = per_call

    def _operations(self, run: Run, calls: int) -> int:
        """Of all draws of one round: denoiser calls and the classifier; the map's are not counted."""
        if not self.flops:
            self.flops = {kind: flops(self.bench.network(kind, "fp32")) for kind in ("denoiser", "backbone")}
        return run.draws * run.images * (calls * self.flops["denoiser"] + self.flops["backbone"])

    def _too_long(self, run: Run) -> str | None:
        per_call = self.call_seconds.get(_engine(run.asdict()))
        if run.denoise != "chain" or per_call is None:
            return None
        calls = measure.calls(run, noise_level(run, self.bench.world))
        expected = calls * per_call * run.draws * run.images
        if expected <= self.options.budget:
            return None
        return f"{calls} calls a draw would take {expected:.0f} s a round, more than --budget {self.options.budget:g} s"

    def _warm_up(self, cells: Sequence[Run]) -> None:
        """One round of each session and graph that no row keeps."""
        first = {(run.session, run.precision, run.graph): run for run in reversed(cells) if run.denoise == "one_shot"}
        for run in first.values():
            try:
                measure.measure(run, self.bench)
            except FvitError as error:  # the same error comes back for each of its cells, which then keep it as their reason
                self.console.print(f"{run.session} {run.precision}: {error}", highlight=False)

    def describe(self, cells: Sequence[Run]) -> None:
        """Loads every session and checks its parity before any time is taken, and writes down what it is."""
        kinds = {"staged": ("backbone", "denoiser"), "fused": ("classify_draws",)}
        for session, precision, graph in dict.fromkeys((run.session, run.precision, run.graph) for run in cells):
            for kind in kinds[graph]:
                if (session, precision, kind) in self.described:
                    continue
                facts = {"session": session, "precision": precision, "network_kind": kind}
                try:
                    loaded = self.bench.load(session, precision, kind)
                except FvitError as error:
                    self._write("network", facts | {"error": str(error)})
                    continue
                network, artifact = self.bench.network(kind, precision), loaded.artifact
                self._write("network", facts | {
                    "network": network.name, "fingerprint": network.fingerprint, "facts": loaded.facts, "parity": loaded.parity,
                    "load_seconds": loaded.load_seconds, "flops": flops(self.bench.network(kind, "fp32")),
                    "artifact_precision": artifact and artifact.precision, "opset": artifact and artifact.opset, "bytes": artifact and artifact.size,
                })  # fmt: skip

    def _cold(self, cells: Sequence[Run]) -> None:
        """Load and first call of the denoiser in a process of its own, once a session."""
        for session, precision in dict.fromkeys((run.session, run.precision) for run in cells):
            if (session, precision) in self.cold:
                continue
            facts = {"session": session, "precision": precision}
            self.console.print(f"[dim]cold start of {session} {precision}[/dim]", highlight=False)
            try:
                artifact = self.bench.load(session, precision, "denoiser").artifact
                found = coldstart.measure(self.options.world, session, precision, self.options.device, artifact and artifact.folder)
            except FvitError as error:
                found = {"error": str(error)}
            self._write("cold", facts | found)

    def _reason(self, run: Run, reason: str, word: str) -> None:
        level = noise_level(run, self.bench.world)
        facts = {"t": level.t, "real_sigma": level.sigma, "calls": measure.calls(run, level)}
        self._write("reason", {"key": run.key, "run": run.asdict(), "reason": reason, "word": word} | facts)
        self.settled.add(run.key)

    def _write(self, kind: str, row: dict) -> None:
        self.rows.append({"kind": kind, "campaign": self.name} | row)


def _engine(run: dict) -> tuple:
    return run["session"], run["precision"]


def _per_call(row: dict) -> float | None:
    """Seconds a draw of one denoiser call, from a one-shot row whose denoiser was timed alone."""
    run = row["run"]
    if run["denoise"] != "one_shot" or row.get("calls") != 1 or "denoise" not in row["stages"]:
        return None
    return row["stages"]["denoise"] / (run["draws"] * run["images"])


def _plain(value):
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, Path):
        return value.name
    return list(value) if isinstance(value, tuple) else value
