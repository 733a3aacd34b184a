"""`fvit certify`'s page from known rows."""

from bench.studies.certify import page as certified


def synthetic(idx, **values) -> dict:
    row = {"kind": "certificate", "idx": idx, "label": 3, "predict": 3, "radius": 0.5, "share": 0.99, "renyi": 0.4, "topk_radius": 0.25,
           "cells": [0, 1], "draws": 100, "said": None, "paper_p": float("inf"), "paper_q": 0.3, "empty": 1,
           "hits": [100, 100, 0, 50], "mean": [0.4, 0.3, 0.1, 0.2],
           "seconds": 61.5}  # fmt: skip
    return row | values


def test_the_page_s_figures_from_known_rows(tmp_path):
    """Right with radii, wrong with a large radius, abstaining."""
    settings = {"backbone": "b", "task": "digits", "alpha": 0.01, "k": 2, "beta": 0.5, "explainer": "vta", "selection": 20,
                "draws": 100, "radius": None, "real_sigma": 63.75, "session": "ort", "seed": 0}  # fmt: skip
    environment = {"commit": "c", "cpu": "x", "cores": 2, "versions": {"torch": "2"}}
    head = {"kind": "campaign", "settings": settings, "environment": environment, "weights": {"backbone": "trained"}}
    rows = [head, synthetic(0), synthetic(1, predict=4, radius=9.0, topk_radius=9.0), synthetic(2, predict=-1, radius=0.0, topk_radius=0.0)]
    rows += [{"kind": "beyond", "idx": 0, "factor": 1.5, "broken": True}]
    certified.write(rows, tmp_path)
    page = (tmp_path / "certify.md").read_text()
    assert "| 1 sigma | 0.2500 | 0.57/255 | 33% [6%, 79%] | 33% [6%, 79%] | 33% [6%, 79%] |" in page
    assert "| 2 sigma | 0.5000 | 1.15/255 | 33% [6%, 79%] | 0% [0%, 56%] | 0% [0%, 56%] |" in page
    assert "Abstained: label 33%, top k 33%" in page and "P is infinite for 3 pictures" in page and "| 1.5 R | 1 of 1 |" in page
    assert "50% of all cells are in and 25% out" in page and "25% abstain" in page
    lines = (tmp_path / "certify.tsv").read_text().splitlines()
    assert lines[1] == "0\t3\t3\t0.5000\t1\t0:01:01.500000" and lines[3].startswith("2\t3\t-1\t0.0000\t0")
