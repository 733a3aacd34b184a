"""The operator check itself rejects what it should."""

from onnx import TensorProto, helper

from helpers.operators import unsupported


def model(kind: str, domain: str = ""):
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in "xy")
    return helper.make_model(helper.make_graph([helper.make_node(kind, ["x"], ["y"], domain=domain)], "g", [x], [y]))


def test_a_listed_operator_passes_and_others_are_named():
    assert unsupported(model("Relu"), "fp32") == []
    assert unsupported(model("MadeUp"), "fp32") == ["ai.onnx.MadeUp: not listed"]
    assert unsupported(model("Relu", "com.microsoft"), "fp32") == ["com.microsoft.Relu: not listed"]
