"""Definition 4.2 put to pictures: draws of each one, then of what the attacks through the defence make of it within a radius; one row each."""

from rich.console import Console

from bench.records.campaign import Campaign, How, Plan
from bench.records.rows import Beyond, Certified
from bench.records.store import Store
from bench.studies.certify import measure as certify
from bench.studies.certify.measure import Certifier
from bench.studies.certify.settings import CHECK, CHECKED, Ball, CheckSettings
from bench.worlds.world import World


def measure(settings: CheckSettings, world: World, store: Store, console: Console, how: How = How()) -> str:
    """Draws of the pictures that are missing, then the attacks; the campaign's name."""
    settings.definition  # noqa: B018  refuses before anything is loaded
    certifier = Certifier(settings.drawn, world, lambda line: console.print(f"[dim]{line}[/dim]", highlight=False))
    reach = settings.radius * certifier.measured.sigma

    def moved(campaign: str, row: Certified, ball: Ball) -> Beyond:
        return certifier.moved(campaign, row, ball, reach, settings.draws)

    with Campaign(store, Plan(CHECK, settings.facts() | {"given": world.facts()}, certifier.head), console, how) as campaign:
        certify.draw(campaign, certifier, console)
        if not campaign.cut:
            certify.attack(campaign, [(row, ball) for row in campaign.of(Certified) for ball in CHECKED], moved, console)
        return campaign.name
