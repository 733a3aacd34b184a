"""What a fused map's draws certify: its ranges, and the radius of its top k, by the map's fuse and the name of a bound.

thresholds  of capped_mean: how often each cell was above fixed levels (`intervals.of_mean`); the default
mean        of the same map: the lemma of Neyman and Pearson for its mean alone, Bernstein's bounds
renyi       of the same map: the least Renyi divergence of any map that loses the top k (`certify.top`), Bernstein's bounds

The vote and the median have one bound each. Other fuses have none: nothing that is kept of their draws bounds what they would be at x'.
"""

import bisect

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray
from torch import Tensor

from runtime.certificates import certify, intervals
from runtime.certificates.certify import Claim, Top
from runtime.certificates.intervals import Ranges
from runtime.errors import FvitError
from runtime.fuse import Fused, levels, span
from runtime.names import BOUNDS
from runtime.plugins import known

MOST = 2**20  # draws, where the search for the fewest ends
CERTIFIED = ("capped_mean", "vote", "median")


def ranges(fused: Fused, picture: int, alpha: float, bound: str = BOUNDS[0]) -> Ranges:
    """Of every cell, at any distance, all at once at level `alpha`. For the map by its mean: `thresholds` or `mean`."""
    name = fused.fuse.partition(":")[0]
    _check(fused, picture, name)
    if name == "vote":
        return intervals.of_votes(_counts(fused.hits, picture), fused.draws, alpha)
    tokens = fused.maps[picture].numel()
    if bound == "mean" and name != "median":
        assert fused.squares is not None
        return intervals.of_moments(_flat(fused.maps, picture), _flat(fused.squares, picture), fused.draws, span(tokens), alpha)
    if fused.exceeded is None:
        raise FvitError(f"a map fused by {name} given without counts of its levels, which the fuse keeps; fuse the draws again")
    exceeded, at = fused.exceeded[picture].flatten(1).cpu().numpy(), np.array(levels(name, tokens))
    if name == "median":
        return intervals.of_median(exceeded, fused.draws, at, 1.0, alpha)
    return intervals.of_mean(exceeded, fused.draws, at, span(tokens), alpha)


def top(fused: Fused, picture: int, claim: Claim, bound: str = BOUNDS[0], ties: ndarray | None = None) -> Top:
    """The k largest cells and the radius within which at least beta k of them stay on top. `ties` (T,): what orders equal cells."""
    known(bound, BOUNDS, "bound")
    name = fused.fuse.partition(":")[0]
    if bound == "renyi" and name not in ("vote", "median"):
        _check(fused, picture, name)
        return certify.top(fused, picture, claim, span(fused.maps[picture].numel()))
    score = _flat(fused.maps, picture) if fused.hits is None else _counts(fused.hits, picture)
    return intervals.top(ranges(fused, picture, claim.alpha, bound), score, score if ties is None else ties, claim)


def draws_needed(claim: Claim, tokens: int, bound: str = BOUNDS[0]) -> int:
    """The fewest draws that can certify anything: of calm maps, whose k top cells are above every level in all draws, and no other cell."""
    if bound != "thresholds":
        return 2
    at, most = np.array(levels("capped_mean", tokens)), span(tokens)

    def certifies(count: int) -> bool:
        calm = np.zeros((len(at), tokens), dtype=np.int64)
        calm[:, : claim.k] = count
        return intervals.radius(intervals.of_mean(calm, count, at, most, claim.alpha), np.arange(claim.k), claim) > 0

    return bisect.bisect_left(range(1, MOST), True, key=certifies) + 1


def _check(fused: Fused, picture: int, name: str) -> None:
    if name not in CERTIFIED:
        raise FvitError(
            f"{name} cannot be certified: what is kept of its draws does not bound the map of a changed picture; {', '.join(CERTIFIED)} can",
            needs="mean",
        )
    if not np.isfinite(_flat(fused.maps, picture)).all():
        raise FvitError("a map with NaN or infinity given; finite numbers are expected: check the network's weights and precision")


def _flat(maps: Tensor, picture: int) -> Float[ndarray, " T"]:
    return maps[picture].flatten().double().cpu().numpy()


def _counts(hits: Tensor | None, picture: int) -> Int[ndarray, " T"]:
    assert hits is not None
    return hits[picture].flatten().long().cpu().numpy()
