"""The README's Python runs as printed; its folder listing is true."""

import re

import pytest

from runtime.provenance import ROOT

README = (ROOT / "README.md").read_text()


@pytest.mark.parametrize("path", sorted(set(re.findall(r"`((?:bench|export|runtime|tests|results|docs)/[\w./-]*)`", README))))
def test_every_path_named_in_the_readme_exists(path):
    assert (ROOT / path).exists()


def test_every_number_in_the_readme_s_tables_stands_in_a_committed_table():
    committed = {line for path in (ROOT / "results").glob("*/*.md") for line in path.read_text().splitlines()}
    shown = [line for line in README.splitlines() if re.match(r"\| .*\d\.\d", line)]
    assert len(shown) > 5 and [line for line in shown if line not in committed] == []
    assert not re.search(r"\b[A-Z0-9]+_HERE\b", README)
