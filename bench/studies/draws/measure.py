"""Table 3's campaign: networks loaded and compared with eager fp32, cold starts, then the rounds of all cells, interleaved.

The printed seconds grow by 8e-5 s per step from t* = 8 to 193 and drop where no denoiser is called: they are one call, the ViT and its map
for each draw, not t* calls. So both are measured, and only the one-shot rows are compared with the printed ones.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict
from itertools import product
from typing import Any

from rich.console import Console

from bench.protocols import SIGMAS
from bench.records.campaign import Campaign, How, Plan
from bench.records.ceilings import bandwidth, ceiling, flops
from bench.records.rows import AnyRow, ColdStart, Failed, Loaded, Missing, Timed, Why
from bench.records.store import Store
from bench.studies.draws import coldstart
from bench.studies.draws.rounds import DrawBench, calls, engine, noise_level, time_round
from bench.studies.draws.run import CHAIN, FUSED, KINDS, ONE_SHOT, STAGED, STUDY, DrawSettings, DrawSubject, Run
from bench.worlds.workbench import Engine, require_sessions, unavailable
from bench.worlds.world import Brought
from runtime import plugins
from runtime.errors import FvitError

SESSIONS, BACKBONES = "runtime.sessions", "runtime.backbones"
NOTHING_TO_FUSE = "no denoiser is called here, so there is nothing to fuse"


def measure(settings: DrawSettings, bench: DrawBench, brought: Brought, store: Store, console: Console, how: How) -> list[AnyRow]:
    """Measures what is missing and returns the campaign's rows. Ctrl-C leaves every finished round in the store."""
    require_sessions(settings.sessions)
    cells = runs(settings, bench)
    with Campaign(store, plan(settings, bench), console, how) as campaign:
        loop = DrawLoop(campaign, bench, settings, brought)
        todo = loop.todo(cells)
        if not todo:
            console.print(f"all {len(cells)} cells were measured at this commit before", highlight=False)
        loop.load(cells)
        if not campaign.cut:
            loop.cold_starts()
        if todo and not campaign.cut:
            loop.warm_up(cells, {(engine(run), run.graph) for _, run in todo})
            loop.rounds(todo)
        return campaign.rows


def runs(settings: DrawSettings, bench: DrawBench) -> list[Run]:
    """Session x precision x denoiser x rule x sigma, and the fused graph of exported files, one-shot under the first rule."""
    names = (settings.world, bench.backbone.name, bench.denoiser.name)
    shared = (settings.draws, settings.images, "rollout" if bench.backbone.prefix_tokens else None, settings.seed)
    found = []
    for denoise, rule, sigma, precision in product(settings.denoise, settings.rules, SIGMAS, settings.precisions):
        for session in settings.sessions:
            exported = plugins.load(SESSIONS, session).TAKES == "artifact"
            for graph in (STAGED, FUSED) if exported and (denoise, rule) == (ONE_SHOT, settings.rules[0]) else (STAGED,):
                found.append(Run(*names, session, precision, graph, denoise, rule, sigma / 255, *shared))
    return found


def plan(settings: DrawSettings, bench: DrawBench) -> Plan:
    """The campaign of these settings, with these weights and pictures."""
    images, source = bench.pictures
    given = bench.fingerprints() | {"pictures": hashlib.sha256(images.cpu().numpy().tobytes()).hexdigest()[:16]}
    outside = {f"sessions/{name}": plugins.origin(SESSIONS, name) for name in settings.sessions}
    outside |= {f"backbones/{bench.backbone.name}": plugins.origin(BACKBONES, bench.backbone.name)}

    def head() -> dict[str, Any]:
        return {
            "weights": bench.weights() | {"pictures": source},
            "unavailable": unavailable(),
            "facts": {"random": "random" in (bench.backbone.weights.kind, bench.denoiser.weights.kind)},
            "plugins": {name: origin for name, origin in outside.items() if origin},
        }

    def ceilings() -> dict[str, Any]:
        products = {precision: ceiling(precision, bench.device) for precision in settings.precisions}
        return {"ceilings": products, "bandwidth": bandwidth(bench.device)}

    return Plan(STUDY, asdict(settings) | {"given": given}, head, ceilings)


class DrawLoop:
    """What a campaign still lacks, in the order in which it is measured."""

    def __init__(self, campaign: Campaign, bench: DrawBench, settings: DrawSettings, brought: Brought):
        self.campaign, self.bench, self.settings, self.brought = campaign, bench, settings, brought
        self.closed = {row.key.partition("/")[0] for row in campaign.of(Failed) if not row.again}  # runs with a reason that will not pass
        self.begun = {row.key.partition("/")[0] for row in campaign.of(Timed)}
        self.call_seconds = {_engine(row): value for row in campaign.of(Timed) if (value := per_call(row))}

    def todo(self, cells: Sequence[Run]) -> list[tuple[int, Run]]:
        """The rounds that are missing: the first one of every cell, then the second one ..."""
        rounds = product(range(max(self.settings.rounds, self.settings.chain_rounds)), cells)
        wanted = [(number, run) for number, run in rounds if number < self.settings.rounds_of(run) and run.key not in self.closed]
        return [(number, run) for number, run in wanted if not self.campaign.done(f"{run.key}/{number}")]

    def load(self, cells: Sequence[Run]) -> None:
        """Loads every session, compares it with eager fp32 and records its properties, before any timing."""
        graphs = dict.fromkeys((engine(run), run.graph) for run in cells)
        pairs = list(dict.fromkeys((on, kind) for on, graph in graphs for kind in KINDS[graph]))
        for on, kind in self.campaign.each(pairs, lambda pair: "{}/{}".format(*pair), lambda pair: "loading {} {}".format(*pair)):
            subject = DrawSubject("network", on.session, on.precision, network=kind)
            self.campaign.measure(f"{on}/{kind}", lambda on=on, kind=kind: self._loaded(on, kind), asdict(subject))

    def _loaded(self, on: Engine, kind: str) -> Loaded:
        loaded = self.bench.load(on, kind)
        network, artifact = self.bench.network(kind, on.precision), loaded.artifact
        return Loaded(
            campaign=self.campaign.name, key=f"{on}/{kind}", session=on.session, precision=on.precision, network_kind=kind,
            network=network.name, fingerprint=network.fingerprint, weights=str(network.weights), facts=loaded.facts, parity=loaded.parity,
            load_seconds=loaded.load_seconds, flops=flops(self.bench.network(kind)), file_precision=artifact and artifact.precision,
            opset=artifact and artifact.opset, bytes=artifact and artifact.size,
        )  # fmt: skip

    def cold_starts(self) -> None:
        """Load and first call of the denoiser in a separate process, once for each session and precision."""
        engines = [Engine(session, precision) for precision in self.settings.precisions for session in self.settings.sessions]
        for on in self.campaign.each(engines, lambda on: f"{on}/cold start", lambda on: f"cold start of {on}"):
            subject = DrawSubject("cold start", on.session, on.precision)
            self.campaign.measure(f"{on}/cold start", lambda on=on: self._cold(on), asdict(subject))

    def _cold(self, on: Engine) -> ColdStart:
        artifact, weights = self.bench.load(on, "denoiser").artifact, self.brought.denoiser_weights
        job = {
            "session": on.session, "precision": on.precision, "device": self.bench.device.type, "world": self.settings.world,
            "artifact": str(artifact.folder.resolve()) if artifact else None,
            "denoiser_weights": str(weights.resolve()) if weights else None, "head_channels": self.brought.head_channels,
        }  # fmt: skip
        facts = coldstart.measure(job)
        return ColdStart(campaign=self.campaign.name, key=f"{on}/cold start", session=on.session, precision=on.precision, **facts)

    def warm_up(self, cells: Sequence[Run], needed: set[tuple[Engine, str]]) -> None:
        """One round of each session and graph in `needed` that no row keeps, with one call of each of its networks."""
        calling = [run for run in cells if run.denoise == ONE_SHOT and noise_level(run, self.bench).denoises]
        first = {(engine(run), run.graph): run for run in reversed(calling)}
        for run in (run for pair, run in first.items() if pair in needed):
            try:
                time_round(run, self.bench, self.campaign.name, -1)
            except FvitError as error:  # the same error comes back for each of its cells, which then keep it as their reason
                self.campaign.console.print(f"{engine(run)}: {error}", highlight=False)

    def rounds(self, todo: Sequence[tuple[int, Run]]) -> None:
        """Writes one row per round, or the reason why a cell has none."""
        for number, run in self.campaign.each(
            todo, lambda item: f"{item[1].key}/{item[0]}", lambda item: f"round {item[0] + 1}: {item[1]}"
        ):
            if run.key in self.closed:
                continue
            if why := self._why_not(run):
                self._close(run, number, why)
                continue
            self.round(number, run)

    def round(self, number: int, run: Run) -> None:
        row = self.campaign.measure(
            f"{run.key}/{number}", lambda: time_round(run, self.bench, self.campaign.name, number), self._subject(run)
        )
        if isinstance(row, Timed):
            self.begun.add(run.key)
            if value := per_call(row):
                self.call_seconds[engine(run)] = value
        else:
            self.closed.add(run.key)

    def _why_not(self, run: Run) -> Missing | None:
        """The reason why `run` is not measured; decided before its first round."""
        level = noise_level(run, self.bench)
        if run.graph == FUSED and not level.denoises:
            return Missing(Why.NOT_DEFINED, NOTHING_TO_FUSE)
        seconds = self.call_seconds.get(engine(run))
        if run.denoise != CHAIN or seconds is None or run.key in self.begun:
            return None
        count, budget = calls(run, level), self.settings.budget
        expected = count * seconds * run.total
        if expected <= budget:
            return None
        return Missing(Why.COMPUTED, f"{count} calls per draw would take {expected:.0f} s per round, more than the budget of {budget:g} s")

    def _close(self, run: Run, number: int, missing: Missing) -> None:
        key = f"{run.key}/{number}"
        self.campaign.write(Failed(campaign=self.campaign.name, key=key, missing=missing, again=False, subject=self._subject(run)))
        self.closed.add(run.key)

    def _subject(self, run: Run) -> dict[str, Any]:
        level = noise_level(run, self.bench)
        return asdict(DrawSubject("round", run.session, run.precision, "", asdict(run), level.t, level.sigma, calls(run, level)))


def per_call(row: Timed) -> float | None:
    """Seconds per draw of one denoiser call, from a one-shot row whose denoiser was timed alone."""
    run = Run(**row.run)
    if run.denoise != ONE_SHOT or row.calls != 1 or "denoise" not in row.stages:
        return None
    return row.stages["denoise"] / run.total


def _engine(row: Timed) -> Engine:
    return engine(Run(**row.run))
