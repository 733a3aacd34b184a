"""Draws of one picture after another, and attacks within and beyond its radii: one row each. Radii are computed from the rows (`radii`).

Selection draws choose the label, which is also the class that the maps of the estimation draws explain; the estimation draws bound both.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from rich.console import Console
from torch import Tensor

from bench.records.campaign import Campaign, How, NotHere, Plan
from bench.records.clock import now
from bench.records.rows import Beyond, Certified, Failed
from bench.records.store import Store, plain
from bench.studies.certify import radii
from bench.studies.certify.settings import (
    SPLIT,
    TARGETS,
    VOTES,
    Ball,
    CertifySettings,
    Measured,
    balls,
    claim,
    study,
)  # fmt: skip
from bench.trials.measure import PLUGINS
from bench.worlds import attack as attacks
from bench.worlds.attack import Threat
from bench.worlds.defence import BATCH, Defence, chain
from bench.worlds.workbench import Engine, Workbench
from bench.worlds.world import Pictures, World
from runtime import plugins
from runtime.certificates import sequential
from runtime.certificates.sequential import Question
from runtime.chain import Draws, Explained
from runtime.diffusion import schedule
from runtime.errors import FvitError
from runtime.fuse import MOST, Fused, merged
from runtime.maps import explain
from runtime.pictures import resize, resize_norm


@dataclass(frozen=True)
class Drawn:
    """Draws of one picture: `votes` (K,) by label; `maps` by fuse, of one class."""

    votes: Tensor
    maps: dict[str, Fused]

    @property
    def mean(self) -> Fused:
        return self.maps["capped_mean"]

    def __add__(self, more: "Drawn") -> "Drawn":
        return Drawn(self.votes + more.votes, {name: merged(fused, more.maps[name]) for name, fused in self.maps.items()})


def measure(settings: CertifySettings, world: World, store: Store, console: Console, how: How = How()) -> str:
    """Certifies the pictures that are missing, then attacks within and beyond their radii; the campaign's name."""
    certifier = Certifier(settings, world, lambda line: console.print(f"[dim]{line}[/dim]", highlight=False))
    plan = Plan(study(settings.adaptive), settings.facts() | {"given": world.facts()}, certifier.head)
    with Campaign(store, plan, console, how) as campaign:
        draw(campaign, certifier, console)
        if not campaign.cut:
            attack(campaign, certifier.todo(campaign.of(Certified)), certifier.beyond, console)
        return campaign.name


def draw(campaign: Campaign, certifier: "Certifier", console: Console) -> None:
    """The draws of every picture that is missing."""
    for number in campaign.each(range(certifier.settings.images), _key, lambda n: f"drawing of picture {n}"):
        row = campaign.measure(_key(number), lambda n=number: certifier.certify(campaign.name, n), {"picture": number})
        _say(row, console)


def attack(
    campaign: Campaign, todo: list[tuple[Certified, Ball]], make: Callable[[str, Certified, Ball], Beyond], console: Console
) -> None:
    """The attacks that are missing, each by `make`."""
    for row, ball in campaign.each(todo, lambda pair: key(*pair), lambda pair: f"attacking picture {pair[0].picture}: {pair[1]}"):
        subject = {"picture": row.picture, "ball": str(ball)}
        moved = campaign.measure(key(row, ball), lambda r=row, b=ball: make(campaign.name, r, b), subject)
        _say(moved, console)


class Certifier:
    """The networks of one campaign: settings that cannot be measured, and a session that cannot be had, are refused here."""

    def __init__(self, settings: CertifySettings, world: World, say: Callable[[str], None]):
        self.settings, self.world = settings, world
        world.require(settings.backbone)
        self.bench = Workbench(world, settings.backbone, say=say)
        backbone = self.bench.backbone
        if settings.images > (count := world.size(settings.task, SPLIT, backbone)):
            raise FvitError(f"{settings.images} pictures given; the {SPLIT} split of {settings.task} has {count}")
        self.explainer = explain.build(settings.explainer, backbone)
        cells = self.explainer(torch.zeros(1, 3, backbone.size, backbone.size), torch.zeros(1, dtype=torch.int64)).shape[1:]
        level = schedule.level(self.bench.denoiser.schedule, settings.sigma, "cumulative")
        norm = resize_norm((backbone.size, backbone.size), self.bench.grid)
        self.measured = Measured(plain(level.sigma), self.bench.denoiser.size, (cells[0], cells[1]), plain(norm))
        if settings.k >= (tokens := self.measured.tokens):
            raise FvitError(f"k {settings.k} given; {settings.explainer} of {settings.backbone} has {tokens} cells, fewer are expected")
        self.defence = Defence("dds", level, seed=settings.seed)
        self.chain = chain(self.bench, self.defence, Engine(settings.session))

    def head(self) -> dict:
        """What else the campaign's first row says."""
        return {
            "weights": self.bench.weights(),
            "notes": self.world.notes(),
            "facts": self.measured.facts(),
            "plugins": plugins.origins(PLUGINS),
        }

    def certify(self, campaign: str, number: int) -> Certified:
        """One picture's votes and moments of its map."""
        start, settings = now(), self.settings
        picture = self._picture(number)
        selection = self._votes(picture.images, number, 0, settings.selection)
        drawn, answer = self._estimate(picture.images, number, int(selection.argmax()))
        mean, share, vote = (drawn.maps[name] for name in fuses(settings)[:3])
        assert mean.squares is not None
        return Certified(
            campaign=campaign, key=_key(number), picture=number, label=int(picture.labels[0]), selection=selection.tolist(),
            votes=drawn.votes.tolist(), draws=mean.draws, mean=mean.maps[0].flatten().tolist(),
            squares=mean.squares[0].flatten().tolist(), hits=_counts(share.hits), chosen=_counts(vote.hits), exceeded=_levels(mean),
            above=_levels(drawn.maps.get("median")),
            covered=_covered(picture, self.measured.cells), empty=int(mean.empty[0]), answer=answer, seconds=now() - start,
        )  # fmt: skip

    def todo(self, rows: list[Certified]) -> list[tuple[Certified, Ball]]:
        """The attacks: in each ball the first pictures that have a radius of that kind and the right label, picture by picture."""
        found = [radii.certificate(row, self.settings, self.measured) for row in sorted(rows, key=lambda row: row.picture)]
        pairs = []
        for ball in balls(self.settings.adaptive):
            pairs += [(one.row, ball) for one in found if radii.reach(one, ball.radius) > 0][: self.settings.attacked]
        return sorted(pairs, key=lambda pair: pair[0].picture)

    def beyond(self, campaign: str, row: Certified, ball: Ball) -> Beyond:
        """The picture attacked in one ball, then VOTES fresh draws."""
        found = radii.certificate(row, self.settings, self.measured)
        return self.moved(campaign, row, ball, ball.factor * radii.reach(found, ball.radius), VOTES)

    def moved(self, campaign: str, row: Certified, ball: Ball, reach: float, draws: int) -> Beyond:
        """The picture attacked within `reach` of itself on the denoiser's grid, where the noise is added; then `draws` draws not made before.

        The map stays that of the class that the selection draws chose; attacked is the label that most of the other draws gave.
        """
        start, settings, number = now(), self.settings, row.picture
        label = torch.tensor([row.votes.index(max(row.votes))])
        images = resize(self._picture(number).images, self.bench.grid)
        through = attacks.build(Threat(TARGETS[ball.target], "l2", reach, "rho/4", settings.k), self.bench, self.defence)
        attacked = through(images, label, [number])
        chosen = row.selection.index(max(row.selection))
        drawn = self._explained(attacked, number, settings.selection + settings.draws, draws, chosen)
        assert drawn.mean.squares is not None
        return Beyond(
            campaign=campaign, key=key(row, ball), picture=number, radius=ball.radius, target=ball.target, factor=ball.factor, reach=reach,
            distance=float(torch.linalg.vector_norm((attacked - images).double())), label=int(label), votes=drawn.votes.tolist(),
            mean=drawn.mean.maps[0].flatten().tolist(), squares=drawn.mean.squares[0].flatten().tolist(), empty=int(drawn.mean.empty[0]),
            seconds=now() - start,
        )  # fmt: skip

    def _estimate(self, images: Tensor, number: int, chosen: int) -> tuple[Drawn, bool | None]:
        """All draws at once, or step by step until the question is answered."""
        settings = self.settings
        if settings.radius is None:
            return self._explained(images, number, settings.selection, settings.draws, chosen), None
        looks, asked = sequential.looks(settings.draws), claim(settings, self.measured.sigma)
        question = Question(asked, settings.radius * asked.sigma, looks, bound=settings.bound)
        drawn, done = None, 0
        for look in looks:
            more = self._explained(images, number, settings.selection + done, look - done, chosen)
            drawn, done = more if drawn is None else drawn + more, look
            answer = sequential.answer(question, int(drawn.votes[chosen]), look, drawn.mean)
            if answer is not None:
                return drawn, answer
        raise AssertionError("the last look always answers")

    def _votes(self, images: Tensor, number: int, first: int, count: int) -> Tensor:
        return self.chain(images, [number], Draws(count, first, self.settings.seed, BATCH)).votes[0]

    def _explained(self, images: Tensor, number: int, first: int, count: int, chosen: int) -> Drawn:
        """Votes and fused maps of `count` draws from number `first` on, all maps of the class `chosen`."""
        name = self.settings.explainer
        asked = Explained({name: self.explainer}, torch.tensor([chosen]), fuses(self.settings))
        smoothed = self.chain(images, [number], Draws(count, first, self.settings.seed, BATCH), asked)
        return Drawn(smoothed.votes[0], {fuse: smoothed.maps[name, fuse] for fuse in asked.fuses})

    def _picture(self, number: int) -> Pictures:
        """One picture of the test split; NotHere where its file cannot be used."""
        picture = self.world.pictures(self.settings.task, SPLIT, [number], self.bench.backbone)
        if not picture.numbers:
            raise NotHere("; ".join(f"{name}: {reason}" for name, reason in picture.left_out))
        return picture


def fuses(settings: CertifySettings) -> tuple[str, ...]:
    """The maps that are made of all draws; a median keeps the maps of its draws, so draws that end by themselves have none."""
    made = ("capped_mean", "top_share", f"vote:k={settings.k}")
    return made if settings.adaptive or settings.draws > MOST else (*made, "median")


def _covered(picture: Pictures, cells: tuple[int, int]) -> list[float]:
    """The share of each cell that the object covers; nothing without a mask."""
    if picture.masks is None:
        return []
    return torch.nn.functional.adaptive_avg_pool2d((picture.masks == 1).float(), cells)[0].flatten().tolist()


def _counts(hits: Tensor | None) -> list[int]:
    assert hits is not None
    return hits[0].flatten().tolist()


def _levels(fused: Fused | None) -> list[list[int]]:
    """Of each level the cells' counts."""
    return [] if fused is None or fused.exceeded is None else fused.exceeded[0].flatten(1).tolist()


def _key(number: int) -> str:
    return f"picture {number}"


def key(row: Certified, ball: Ball) -> str:
    """Of the row of one attack."""
    return f"picture {row.picture}, {ball}"


def _say(row: object, console: Console) -> None:
    if isinstance(row, Failed):
        console.print(f"[red]{row.missing.why}:[/red] {row.key}: {row.missing.reason}", highlight=False)
