"""Every TensorRT name in the project exists, with those arguments, in TensorRT 10 and in 11; and the check itself sees what it should."""

import ast

import pytest

from helpers.tensorrt_names import Names
from runtime.provenance import ROOT

FACTS = [ROOT / "tests/facts" / f"tensorrt-{version}.json" for version in (10, 11)]
MODULES = ("runtime.sessions.engines", "runtime.sessions.trt", "export.to_tensorrt")
SOURCES = {module: (ROOT / f"{module.replace('.', '/')}.py").read_text() for module in MODULES}
LEAST = {
    "Builder.__init__", "Builder.create_network", "Builder.build_serialized_network", "OnnxParser.parse_from_file", "OnnxParser.get_error",
    "ParserError.desc", "NetworkDefinitionCreationFlag.STRONGLY_TYPED", "BuilderFlag.TF32", "IBuilderConfig.clear_flag",
    "IBuilderConfig.set_timing_cache", "IBuilderConfig.builder_optimization_level", "IBuilderConfig.add_optimization_profile",
    "IOptimizationProfile.set_shape", "ITimingCache.serialize", "ILogger.ERROR", "Runtime.__init__", "Runtime.deserialize_cuda_engine",
    "ICudaEngine.num_io_tensors", "ICudaEngine.get_tensor_dtype", "ICudaEngine.create_execution_context", "IExecutionContext.set_input_shape",
    "IExecutionContext.set_tensor_address", "IExecutionContext.infer_shapes", "IExecutionContext.execute_async_v3", "DataType.BF16",
}  # fmt: skip
KEYWORDS = ("strategy", "ignore_mismatch", "min", "opt", "max")
BEGIN = "import tensorrt as trt\ndef f(logger):\n    "


def errors(text: str) -> list[str]:
    """What both versions say about a few lines."""
    return [error for facts in FACTS for error in Names(facts).read({"snippet": BEGIN + text.replace("\n", "\n    ")})]


@pytest.mark.parametrize("facts", FACTS, ids=lambda path: path.stem)
def test_every_name_we_use_exists(facts):
    names = Names(facts)
    assert names.read(SOURCES) == []
    assert names.seen >= LEAST and len(names.seen) >= 55


def test_no_other_file_uses_tensorrt():
    paths = [path for package in ("bench", "export", "runtime") for path in (ROOT / package).rglob("*.py")]
    users = {str(path.relative_to(ROOT)) for path in paths if "import tensorrt" in path.read_text() or "from tensorrt" in path.read_text()}
    assert users == {f"{module.replace('.', '/')}.py" for module in MODULES}


def test_every_single_use_is_looked_at():
    """Spoil one attribute or keyword after the other: each time there is an error, so none of them is passed over."""
    names = Names(FACTS[1])
    names.read(SOURCES)
    members = {member.rpartition(".")[2] for member in names.seen} - {"__init__", "__name__"}
    spoilt = 0
    for module, text in SOURCES.items():
        for index, node in enumerate(ast.walk(ast.parse(text))):
            attribute = isinstance(node, ast.Attribute) and node.attr in members
            if attribute or (isinstance(node, ast.keyword) and node.arg in KEYWORDS):
                assert Names(FACTS[1]).read(SOURCES | {module: _spoilt(text, index)}), ast.unparse(node)
                spoilt += 1
    assert spoilt >= 60


def _spoilt(text: str, index: int) -> str:
    tree = ast.parse(text)
    node = list(ast.walk(tree))[index]
    setattr(node, *(("attr", f"{node.attr}_spoilt") if isinstance(node, ast.Attribute) else ("arg", f"{node.arg}_spoilt")))
    return ast.unparse(tree)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("trt.Bilder(logger)", "trt.Bilder does not exist"),
        ("trt.Builder(logger).create_netwerk()", "Builder.create_netwerk does not exist"),
        ("trt.Builder(logger).create_network().num_imputs", "INetworkDefinition.num_imputs does not exist"),
        ("trt.DataType.FLAOT", "DataType.FLAOT does not exist"),
        ("trt.Builder(logger).create_optimization_profile().set_shape('x', (1,), (1,), maximum=(1,))", "maximum=) given"),
        ("trt.Builder(logger).create_optimization_profile().set_shape('x', (1,), (1,))", "IOptimizationProfile.set_shape takes"),
        ("trt.Builder(logger).create_builder_config().set_flag(trt.DataType.FLOAT)", "(DataType) given"),
        ("trt.Runtime()", "Runtime.__init__ takes"),
        ("trt.ICudaEngine()", "ICudaEngine cannot be constructed"),
        ("trt.Runtime(logger).deserialize_cuda_engine(b'').num_io_tensors = 3", "ICudaEngine.num_io_tensors cannot be written"),
        ("logger.set_input_shape('x', (1,))", ".set_input_shape is TensorRT's, but the class of the object is unknown"),
        ("getattr(trt, 'Bilder')", "getattr on trt cannot be followed"),
        ("class L(trt.ILogger):\n    def log(self, message): ...", "ILogger.log takes ['self', 'severity', 'msg']"),
        ("for p in [trt.OnnxParser(1, logger).get_error(0)]:\n    p.description()", "ParserError.description does not exist"),
    ],
)
def test_the_check_rejects(text, wanted):
    found = errors(text)
    assert len(found) == 2 and all(wanted in error for error in found), found


@pytest.mark.parametrize(
    "text",
    [
        "trt.BuilderFlag.FP16",
        "trt.Builder(logger).platform_has_tf32",
        "trt.Runtime(logger).deserialize_cuda_engine(b'').device_memory_size",
    ],
)
def test_the_check_rejects_what_only_tensorrt_10_has(text):
    (found,) = errors(text)
    assert found.startswith("TensorRT 11") and "does not exist" in found


@pytest.mark.parametrize(
    "text", ["trt.Builder(logger).create_builder_config().build_route", "trt.BuilderFlag.DISTRIBUTIVE_INDEPENDENCE.name"]
)
def test_the_check_rejects_what_came_after_the_oldest_version(text):
    assert "does not exist" in errors(text)[0]


def test_the_check_follows_values_through_functions_and_self():
    assert errors("return [trt.OnnxParser(1, logger).get_error(i).desc() for i in range(3)]") == []
    through = "def g(x, y): return x\nr = g(trt.Runtime(logger), 1)\nr.deserialise()"
    assert "Runtime.deserialise does not exist" in errors(through)[0]
    own = "class C:\n    def __init__(self): self.r = trt.Runtime(1)\n    def go(self): self.r.start()\nC().go()"
    assert "Runtime.start does not exist" in errors(own)[0]
