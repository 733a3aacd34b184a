"""`fvit train`: the embedded world's networks again, from their seeds."""

import argparse

from rich.console import Console

from bench.records.clock import cores, fixed_threads
from bench.worlds.training import train


def run(options: argparse.Namespace) -> int:
    """Trains what was asked for; 0 also when --minutes ended it, since the same command goes on."""
    with fixed_threads(options.threads or cores()):
        train.train(options.networks, options.minutes, Console(), options.weights)
    return 0
