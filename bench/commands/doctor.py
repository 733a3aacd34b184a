"""What can run here, and why the rest cannot.

For each session (eager PyTorch, ONNX Runtime, OpenVINO, TensorRT ...) what it
would really compute with, or what to install; then processor, GPU, versions
and the exported files. Takes about 10 seconds; measures nothing.

The exit code is 1 where eager or ort, which every table needs, cannot run.

Examples:
  fvit doctor
  fvit doctor && fvit table 3
"""


def run() -> int:
    """Prints the report; 1 if eager or ort, which every table needs, cannot run."""
    from bench.commands import _doctor

    return _doctor.run()
