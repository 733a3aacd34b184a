"""What the tables say, in sentences made from their cells. A sentence whose cells were not measured is left out."""

from collections.abc import Mapping, Sequence

from bench.protocols import OURS
from bench.tables._robust import NAMES
from bench.trials.scene import EMBEDDED

AT = "8/255"


def sentences(tables: Mapping[int, Sequence[dict]]) -> list[str]:
    """`tables`: cells by table number, as `Grid.render` gives them."""
    found = [_accuracy(tables.get(10, ())), _adaptive(tables.get(10, ())), _clean(tables.get(4, ())), _maps(tables.get(1, ())),
             _moved(tables.get(5, ())), _ablation(tables.get(2, ()))]  # fmt: skip
    return [sentence for sentence in found if sentence]


def _accuracy(cells: Sequence[dict]) -> str:
    pair = [_at(cells, f"PGD: {name}", AT) for name in ("vanilla", OURS)]
    if None in pair:
        return ""
    vanilla, ours = pair
    return f"Under PGD {AT} on the undefended network the ViT keeps {_told(vanilla)} of its answers right, and {_told(ours)} behind DDS (Table 10)."


def _adaptive(cells: Sequence[dict]) -> str:
    rows = {name: _at(cells, f"{name}: {OURS}", AT) for name in NAMES.values()}
    if None in rows.values():
        return ""
    told = "; ".join(f"{name}: {_told(cell)}" for name, cell in rows.items())
    return f"That attack does not see the defence. One that does takes more from it: {told}. These are the numbers to judge the defence by."


def _clean(cells: Sequence[dict]) -> str:
    lost = []
    for name in EMBEDDED.backbones:
        for task in EMBEDDED.tasks:
            pair = [_at(cells, f"{name} {row}", task) for row in ("vanilla", "ours, the preset's own noise")]
            if None in pair:
                return ""
            lost.append(100 * (pair[0]["ours"] - pair[1]["ours"]))  # type: ignore[index]
    return f"On clean pictures DDS costs {min(lost):+.1f} to {max(lost):+.1f} points over three backbones and three tasks (Table 4)."


def _maps(cells: Sequence[dict]) -> str:
    group, column = f"digits, {AT}", "pixel acc."
    rows = {row: _at(cells, f"ViT {row}", column, group) for row in ("random", "raw attention", "rollout", "GradCAM", "LRP", "VTA", OURS)}
    if None in rows.values():
        return ""
    ranked = sorted(rows, key=lambda row: -rows[row]["ours"])  # type: ignore[index]
    told = ", ".join(f"{row} {rows[row]['ours']:.3f}" for row in ranked)  # type: ignore[index]
    return f"Pixel accuracy of the ViT's maps under PGD {AT}, best first: {told} (Table 1; random maps know nothing)."


def _moved(cells: Sequence[dict]) -> str:
    rows = {row: _at(cells, row, "PGD", "V_8") for row in ("VTA", OURS, "random")}
    if None in rows.values():
        return ""
    told = ", ".join(f"{row} {_told(cell)}" for row, cell in rows.items())
    return f"Share of the 8 most relevant cells that PGD {AT} leaves in place: {told} (Table 5)."


def _ablation(cells: Sequence[dict]) -> str:
    rows = {row: _at(cells, row, "accuracy") for row in ("without smoothing", "without denoising", OURS)}
    if None in rows.values():
        return ""
    told = ", ".join(f"{row} {_told(cell)}" for row, cell in rows.items())
    return (
        f"Each part left out, under the transfer attack: {told} (Table 2). A denoiser without noise looks good there for the wrong reason."
    )


def _at(cells: Sequence[dict], row: str, column: str, group: str = "") -> dict | None:
    """The measured cell at that place."""
    places = (cell for cell in cells if (cell["row"], cell["column"], cell["group"]) == (row, column, group) and cell["ours"] is not None)
    return next(places, None)


def _told(cell: dict | None) -> str:
    assert cell is not None
    return f"{cell['ours']:.1%} [{cell['low']:.1%}, {cell['high']:.1%}]"
