"""The root conftest registers `pytest --benchmark`, so the flag works from any folder and without an installation."""

pytest_plugins = ["bench.pytest_plugin"]
