"""One HTML file of a results folder: summary, tables and plots.

The file needs no network and holds its pictures. Takes seconds.

Examples:
  fvit report
  fvit report results/embedded-intel-xeon-family-6-model-207-2c
"""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from bench.commands._options import ResultsFolder


def run(
    folder: Annotated[Path | None, Parameter(help="a results folder", show_default="the embedded world's of this machine")] = None,
    /,
    *,
    results: ResultsFolder = Path("results"),
) -> int:
    """Writes report.html into the folder and says where."""
    from bench.commands import _report

    return _report.run(folder, results)
