"""The README's Python runs as printed."""

import re

from skimage import data, io

from runtime.provenance import ROOT

README = (ROOT / "README.md").read_text()


def test_ten_lines_from_a_picture_to_a_vote(tmp_path, monkeypatch, capsys):
    (code,) = re.findall(r"```python\n(.*?)```", README, flags=re.S)
    io.imsave(tmp_path / "photo.jpg", data.astronaut())
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "README.md", "exec"), {})
    assert re.search(r"\d tensor\(\[\[", capsys.readouterr().out)
    assert len([line for line in code.splitlines() if line and "import" not in line]) <= 10
