"""TensorRT's ONNX parser: which operators it reads, and in which types (tests/facts, from the parser's own matrix)."""

import json
from pathlib import Path

import onnx

FACTS = json.loads((Path(__file__).parents[1] / "facts" / "onnx-tensorrt-operators.json").read_text())
TYPES = {"fp32": "FP32", "fp16": "FP16", "bf16": "BF16"}
TYPELESS = {"Constant", "Shape", "Cast", "Size", "Identity"}  # listed without the float types, or for all of them


def unsupported(model: onnx.ModelProto, precision: str) -> list[str]:
    """The operators of `model` that the parser does not list at all, or not in `precision`; sorted, each with the reason."""
    found = set()
    for node in model.graph.node:
        row = FACTS["ops"].get(node.op_type)
        if row is None or node.domain not in ("", "ai.onnx"):
            found.add(f"{node.domain or 'ai.onnx'}.{node.op_type}: not listed")
        elif node.op_type not in TYPELESS and not _takes(row, TYPES[precision]):
            found.add(f"{node.op_type}: not in {precision}, only {', '.join(row['types'])}")
    return sorted(found)


def _takes(row: dict, kind: str) -> bool:
    integers_only = not {"FP32", "FP16", "BF16"} & set(row.get("types", []))
    return kind in row.get("types", []) or integers_only
