"""The denoiser's section of the world's page, from hand-made rows."""

from bench.records.rows import Failed, Gained, Head, Missing, Why
from bench.studies.denoiser import page


def rows(gains):
    head = Head(
        campaign="c", key="head", study="denoiser", commit="1",
        settings={"world": "embedded", "tasks": ["digits", "pairs"], "images": 2, "given": {}},
    )  # fmt: skip
    return [head, *(Gained(campaign="c", key=str(noise), sigma=noise / 255, decibels=values) for noise, values in gains.items())]


def test_the_gain_is_compared_with_what_is_wanted():
    text = page.render(rows({8: [7.5, 8.5], 16: [8.0, 9.0], 32: [11.0, 11.0], 64: [14.0, 15.0]})).markdown
    assert text.startswith("## The denoiser: gain in PSNR") and "digits, pairs together, 2 of each" in text
    lines = [line for line in text.splitlines() if "dB" in line]
    assert [line.split(" | ")[1] for line in lines] == [">= 7 dB", ">= 9 dB", ">= 11 dB", ">= 13 dB"]
    assert [line.endswith("| yes |") for line in lines] == [True, False, True, True] and "**no**" in lines[1]
    assert "| 8.0/255 | >= 7 dB | +8.0 dB [" in lines[0]
    assert "samples.png" in text and "denoised.png" in text


def test_what_has_no_gain_has_its_reason():
    found = rows({8: [7.5, 8.5]})
    found.append(Failed(campaign="c", key="16", missing=Missing(Why.FAILED, "out of memory"), again=True))
    drawn = page.render(found)
    assert "– (failed)" in drawn.markdown and "16/255: out of memory" in drawn.markdown and "– (not measured)" in drawn.markdown
    assert [cell["why"] for cell in drawn.cells] == ["", Why.FAILED, Why.NOT_MEASURED, Why.NOT_MEASURED]
    assert drawn.cells[0]["ours"] == 8.0 and drawn.cells[0]["n"] == 2
