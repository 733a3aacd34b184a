"""One picture attacked, undefended and defended, as a panel.

Takes a picture of the embedded world, attacks it, shows what the network and
its map say with and without the defence, and writes a PNG.

Takes about 10 seconds. Nothing is downloaded.

Examples:
  fvit demo
  fvit demo --task pairs --picture 3
  fvit demo --output pictures/demo.png
"""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from bench.commands._options import Task
from bench.commands._types import Natural
from runtime.errors import FvitError


def run(
    *,
    task: Task = "digits",
    picture: Annotated[Natural, Parameter(help="its number in the task's test split")] = 2,
    output: Annotated[Path, Parameter(metavar="FILE", help="the panel to write")] = Path("demo.png"),
) -> int:
    """Attacks, defends, writes the panel, says what it shows."""
    from rich.console import Console

    from bench.records.clock import settled
    from bench.studies.figures import panel
    from bench.studies.figures.explain import MapQuestion, explain
    from runtime.files import replaced

    question = MapQuestion(task=task, pictures=(picture,), explainers=("rollout",), draws=10, session="eager", attack="pgd")
    with settled():
        clean, attacked = explain(question, lambda line: None)
    try:
        with replaced(output) as beside:
            beside.write_bytes(panel.demo(clean, attacked))
    except (OSError, ValueError) as error:
        raise FvitError(f"cannot write {output} ({error}); give --output the name of a .png in a folder with room") from error
    Console().print(panel.sentences(clean, attacked), highlight=False)
    print(f"written: {output}")
    return 0
