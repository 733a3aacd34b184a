"""The README's Python runs as printed; its folder listing is true."""

import re
from pathlib import Path

import pytest
from skimage import data, io

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def test_ten_lines_from_a_picture_to_a_vote(tmp_path, monkeypatch, capsys):
    (code,) = re.findall(r"```python\n(.*?)```", README, flags=re.S)
    io.imsave(tmp_path / "photo.jpg", data.astronaut())
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "README.md", "exec"), {})
    assert re.search(r"\d tensor\(\[\[", capsys.readouterr().out)
    assert len([line for line in code.splitlines() if line and "import" not in line]) <= 10


@pytest.mark.parametrize("path", sorted(set(re.findall(r"`((?:bench|export|runtime|tests|results|docs)/[\w./-]*)`", README))))
def test_every_path_named_in_the_readme_exists(path):
    assert (ROOT / path).exists()


def test_every_number_in_the_readme_s_tables_stands_in_a_committed_table():
    committed = {line for path in (ROOT / "results").glob("*/*.md") for line in path.read_text().splitlines()}
    shown = [line for line in README.splitlines() if re.match(r"\| .*\d\.\d", line)]
    assert len(shown) > 5 and [line for line in shown if line not in committed] == []
    assert not re.search(r"\b[A-Z0-9]+_HERE\b", README)
