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
