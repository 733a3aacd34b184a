"""Which code made a number, in a real git checkout."""

import subprocess

from runtime import provenance


def test_each_change_of_the_code_is_a_version_of_its_own(tmp_path, monkeypatch):
    def git(*words: str) -> None:
        subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=b", *words], cwd=tmp_path, check=True, capture_output=True)

    def version() -> str:
        provenance.commit.cache_clear()
        return provenance.commit()

    monkeypatch.setattr(provenance, "ROOT", tmp_path)
    monkeypatch.setenv("FVIT_COMMIT", "abc")
    assert version() == "abc"  # no checkout
    (tmp_path / "bench").mkdir()
    (tmp_path / "bench" / "a.py").write_text("1")
    git("init", "-q")
    git("add", ".")
    git("commit", "-qm", "first")
    clean = version()
    (tmp_path / "README.md").write_text("no number depends on it")
    assert version() == clean and len(clean) == 12
    found = []
    for name, text in (("a.py", "2"), ("a.py", "3"), ("b.py", "1"), ("b.py", "2")):
        (tmp_path / "bench" / name).write_text(text)
        found.append(version())
    assert len(set(found)) == 4 and all(one.startswith(f"{clean}+") for one in found)
    monkeypatch.undo()
    provenance.commit.cache_clear()
