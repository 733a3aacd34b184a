"""Relevance maps of pictures, undefended and defended, as a panel.

Writes a PNG of the maps, their arrays next to it as .npz, and prints the top
classes. Your own pictures need --world paper and checkpoints; without a
file pictures of the world are explained.

A picture of the embedded world takes about 10 seconds; one at the paper's
size some minutes on a CPU.

Examples:
  fvit explain --task pairs --picture 3 --class top1,top2
  fvit explain --picture 0,1 --explainer vta,rollout:fusion=max
  fvit explain --attack eot_pgd
  fvit explain photo.jpg --world paper --weights vit_b16.safetensors \\
      --unet 256x256_diffusion_uncond.pt
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from bench.commands._options import Explainers, Networks, Session, Task, explainers
from bench.commands._types import Indices, Positive, Real, Seed, names_of
from runtime import plugins
from runtime.errors import FvitError
from runtime.names import FUSES

if TYPE_CHECKING:
    from rich.table import Table

    from bench.studies.figures.explain import Explanation

NO_ATTACK = "none"
Explained = Annotated[Explainers, Parameter(help=f"maps: {', '.join(explainers())}; with options as in rollout:start_layer=1:fusion=max")]
Fuses = Annotated[
    tuple[str, ...],
    Parameter(converter=names_of("fuse", FUSES), metavar="A,B", help=f"how the draws' maps become one: {', '.join(FUSES)}"),
]


def run(
    *pictures: Annotated[Path, Parameter(help="files or folders; pictures of the world where none is named")],
    task: Task = "digits",
    picture: Annotated[Indices, Parameter(help="numbers in the task's test split")] = (0,),
    explainer: Explained = ("vta",),
    classes_explained: Annotated[
        str, Parameter(name="--class", metavar="A,B", help="of which classes: top1, top2 or class names")
    ] = "top1",
    sigma: Annotated[Real | None, Parameter(help="the noise added, of 255", show_default="the world's own")] = None,
    draws: Annotated[Positive, Parameter(help="noisy copies of a picture")] = 20,
    fuse: Fuses = ("mean",),
    session: Session = "ort",
    attack: Annotated[
        str,
        Parameter(
            metavar="NAME",
            help=f"also explain the picture under this attack (l_inf 8/255): {', '.join(plugins.names('bench.attacks'))}, or a variant of one",
        ),
    ] = NO_ATTACK,
    seed: Seed = 0,
    output: Annotated[Path, Parameter(metavar="FILE", help="the panel to write; arrays go next to it")] = Path("explain.png"),
    networks: Networks = Networks(),
) -> int:
    """Explains, writes the panel and its arrays, prints the classes."""
    import numpy as np
    from rich.console import Console

    from bench.records.clock import settled
    from bench.studies.figures import panel
    from bench.studies.figures.explain import MapQuestion, arrays, explain
    from runtime.files import replaced

    question = MapQuestion(
        networks.world, networks.brought(), pictures, task, picture, explainer, tuple(classes_explained.split(",")),
        None if sigma is None else sigma / 255, draws, fuse, session, None if attack == NO_ATTACK else attack, seed,
    )  # fmt: skip
    console, beside = Console(), output.with_suffix(".npz")
    with settled():
        explanations = explain(question, lambda line: console.print(f"[dim]{line}[/dim]", highlight=False))
    try:
        with replaced(output) as path:
            path.write_bytes(panel.draw(explanations))
        with replaced(beside) as path, path.open("wb") as file:
            np.savez_compressed(file, **arrays(explanations))  # type: ignore[arg-type]
    except (OSError, ValueError) as error:
        raise FvitError(f"cannot write {output} ({error}); give --output the name of a .png in a folder with room") from error
    for one in explanations:
        console.print(_classes(one))
        console.print("  ".join(f"{name} {seconds:.2f} s" for name, seconds in one.seconds.items()), highlight=False)
    console.print(f"written: {output}, {beside}", highlight=False, soft_wrap=True)
    return 0


def _classes(one: "Explanation") -> "Table":
    """The five classes with the highest scores, and the votes behind DDS."""
    from rich.table import Table

    table = Table(title=f"{one.subject.name}, {one.state}")
    for column in ("class", "undefended", "votes behind DDS"):
        table.add_column(column, justify="right" if column != "class" else "left")
    order = one.scores.argsort(descending=True)[:5].tolist()
    for number in dict.fromkeys([*order, one.voted]):
        share = one.scores.softmax(0)[number]
        table.add_row(one.classes[number], f"{share:.1%}", f"{int(one.votes[number])} of {int(one.votes.sum())}")
    return table
