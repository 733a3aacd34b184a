"""Table 3: t* and seconds for each sigma, one-shot and full chain, every session, beside the printed cells.

The printed seconds grow by 8e-5 s a step from t* = 8 to 193 and drop where no denoiser is called: they are one call, the ViT and its map
for each draw, not t* calls. So both are measured, and only the one-shot rows are compared with the printed ones.
"""

from itertools import product

from rich.console import Console

from bench import campaign, published
from bench.campaign import Options
from bench.protocols import SIGMAS, Rendered, Run, Table
from bench.tables import _table3_text as text
from bench.worlds import World, build
from runtime import plugins
from runtime import schedule as schedules
from runtime.errors import FvitError
from runtime.schedule import NoiseSchedule

COLUMNS = ("sigma", "t_star", "seconds_10_draws", "seconds_a_draw")


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


def measure(options: Options, console: Console, fresh: bool = False) -> list[dict]:
    """Measures what is missing and returns the campaign's rows."""
    campaign.usable(options.sessions)
    world = build(options.world)
    return campaign.run(TABLE.number, options, world, cells(options, world), console, fresh)


def steps(schedule: NoiseSchedule) -> list[dict]:
    """t* and real noise (of 255) for each rule and sigma, from the rules themselves."""
    out = []
    for sigma in SIGMAS:
        for rule in schedules.RULES:
            level = schedules.level(schedule, sigma / 255, rule)
            out.append({"rule": rule, "sigma": sigma, "t": level.t, "real": level.sigma * 255, "denoises": level.denoises})
        try:
            level = schedules.released_level(schedule, sigma / 255)
        except FvitError as error:
            out.append({"rule": "released", "sigma": sigma, "t": None, "why": str(error)})
            continue
        out.append({"rule": "released", "sigma": sigma, "t": level.t, "real": level.sigma * 255, "believed": level.believed * 255})
    return out


def render(rows: list[dict]) -> Rendered:
    """The table from rows alone."""
    printed = published.read(TABLE.number, COLUMNS)
    return text.render(rows, printed, steps(schedules.linear()))


TABLE = Table(3, "t* steps and seconds", measure, render)
