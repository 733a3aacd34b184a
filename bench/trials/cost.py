"""What one picture costs: seconds of its answer and of one explainer's map, and joules where the processor counts them.

Pictures without a defence are answered together, as many as a call of the networks takes (10; 1 at the paper's size); behind a randomised
defence one picture's draws fill the calls. Noise, denoiser, classifier and map are inside the time; loading, attacks and metrics are not.
"""

from bench.records.clock import seconds
from bench.records.energy import EnergyMeter
from bench.records.rows import Costed, Missing, Why
from bench.records.stats import Interval, median
from bench.trials.run import Runner
from bench.trials.trial import Trial, differing
from bench.worlds import defence as defences
from runtime.errors import FvitError
from runtime.maps import explain

TITLES = {"seconds": "ms per picture", "joules": "J per picture"}
ROUNDS = 6  # after a warm-up: the fewest whose smallest and largest are a 95 % interval of the median

Question = tuple[Trial, str]  # and the explainer


def key(question: Question) -> str:
    """The key of its row."""
    trial, explainer = question
    return f"{trial.key}/cost/{explainer}"


def measure(runner: Runner, question: Question, campaign: str, rounds: int | None = None) -> Costed:
    """`rounds` (ROUNDS) rounds on the trial's first pictures."""
    trial, explainer = question
    bench = runner.bench(trial.backbone)
    count = 1 if trial.defence.randomised else defences.together(runner.world)
    pictures = runner.world.pictures(trial.task, trial.split, range(count), bench.backbone)
    if not pictures.numbers:
        raise FvitError(f"none of the first {count} pictures of {trial.task} can be used; the first one: {pictures.left_out[0][1]}")
    images, explainers = pictures.images.to(bench.device), {explainer: explain.build(explainer, bench.backbone)}

    def answer() -> None:
        defences.answer(bench, trial.defence, trial.engine, images, pictures.numbers, explainers)

    answer()
    meter, took, joules = EnergyMeter(), [], []
    for _ in range(rounds or ROUNDS):
        before = [] if meter.why else meter.read()
        took.append(seconds(answer, bench.device))
        joules += [] if meter.why else [meter.spent(before)]
    return Costed(
        campaign=campaign, key=key(question), trial=differing(trial.base), explainer=explainer, pictures=len(pictures.numbers), seconds=took,
        joules=joules or None, why=meter.why,
    )  # fmt: skip


def value(row: Costed, metric: str) -> Interval | Missing:
    """The median per picture, in milliseconds or joules."""
    if metric == "seconds":
        return median([1000 * one / row.pictures for one in row.seconds])
    if row.joules is None:
        return Missing(Why.NOT_HERE, row.why)
    return median([one / row.pictures for one in row.joules])
