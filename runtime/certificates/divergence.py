"""How far the noise must move before two shares, or the top cells of a map, can swap order: Renyi divergence and l2 radius.

Gaussian noise at x and x' is D_a = a |x - x'|^2 / (2 sigma^2) apart for every order a, and whatever is computed from it is no further
apart. If every map q in which the top has changed has D_a(w | q) >= eps_a, the top holds within sigma sqrt(2 eps_a / a), for the best a.

The cheapest such q lifts cells of `bottom` and lowers cells of `top` to one level. With kappa the power mean of order a of the cells that
move, eps_a = a / (a - 1) ln t,  t = 1 + sum over them of (kappa - w):  docs/certificates.md proves it.
"""

import math
from collections.abc import Callable

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from scipy.optimize import minimize_scalar

ABOVE_ONE = (1e-4, 1e4)  # a - 1, of the printed formulas
ORDERS = (1e-3, 1e4)  # a
NEAR = 1e-5  # orders so near to 1 are left out: 0 / 0 in floating point


def true_rate(top: Float[ndarray, " S"], bottom: Float[ndarray, " S"], order: float) -> float:
    """eps_a / a for the cheapest exchange: every one of `bottom` at least as high as every one of `top`. 0 where they are already."""
    if top.max() <= bottom.min():
        return 0.0
    scale = max(float(top.max()), float(bottom.max()))
    kappa = scale * _level((top / scale) ** order, (bottom / scale) ** order) ** (1 / order)
    moved = np.concatenate([top[top > kappa], bottom[bottom < kappa]])
    return _rate(float((kappa - moved).sum()), order)


def printed_rate(top: Float[ndarray, " S"], bottom: Float[ndarray, " S"], order: float) -> float:
    """The same as Algorithm 2 prints it: all of both move, though some need not, so it is no minimum where they are more than one each."""
    cells = np.concatenate([top, bottom])
    return _rate(float(len(cells) * (_power_mean(cells, order) - cells.mean())), order)


def printed_pair(first: float, second: float, order: float) -> float:
    """-ln(1 - p1 - p2 + 2 M) / a of Algorithm 2's P, M the power mean of order 1 - a of both shares; infinite where the logarithm is."""
    inside = 1.0 - first - second + 2.0 * _power_mean(np.array([first, second]), 1.0 - order)
    return math.inf if inside <= 0 else max(0.0, -math.log(inside) / order)


def best(rate: Callable[[float], float], orders: tuple[float, float], shift: float = 0.0) -> float:
    """The supremum of `rate` over the orders `shift` + [low, high]: a grid in their logarithm, then the bracket of its best point."""
    grid = np.linspace(math.log(orders[0]), math.log(orders[1]), 33)
    values = np.array([rate(_order(point, shift)) for point in grid])
    at = int(np.argmax(values))
    if not np.isfinite(values[at]):
        return math.inf
    span = grid[max(at - 1, 0)], grid[min(at + 1, len(grid) - 1)]
    optimum = minimize_scalar(lambda point: -rate(_order(point, shift)), bounds=span, method="bounded", options={"xatol": 1e-6})
    return max(float(values[at]), -float(optimum.fun))


def _order(point: float, shift: float) -> float:
    order = shift + math.exp(point)
    return order if abs(order - 1) > NEAR else 1 + NEAR


def _rate(gained: float, order: float) -> float:
    return max(0.0, math.log1p(max(gained, -1 + 1e-15)) / (order - 1.0))


def _power_mean(cells: ndarray, order: float) -> float:
    scale = cells.max() if order > 0 else cells.min()
    return float(scale * ((cells / scale) ** order).mean() ** (1 / order)) if scale > 0 else 0.0


def _level(top: ndarray, bottom: ndarray) -> float:
    """Where what `top` holds above it equals what `bottom` lacks below it: linear between the cells, so exact."""
    knots = np.unique(np.concatenate([top, bottom]))
    surplus = np.maximum(top[:, None] - knots, 0).sum(0) - np.maximum(knots - bottom[:, None], 0).sum(0)
    return float(np.interp(0.0, -surplus, knots))
