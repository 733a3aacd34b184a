"""Loads and runs networks; knows nothing of exporting, attacks or papers."""

import os

# ONNX Runtime (1.31, Linux) writes a device id and a database below the user's cache folder at its first session. This variable is the only
# switch that prevents it: disable_telemetry_events() stops events and leaves both files. It is read when onnxruntime is first imported.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
