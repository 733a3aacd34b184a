"""What every campaign's rows have in common: the first row, the machines, what failed, and why a number is missing."""

from enum import StrEnum
from typing import Any

import msgspec


class Why(StrEnum):
    """Why there is no number."""

    NOT_HERE = "not possible here"  # a file that the user did not give, a session that this machine cannot run
    NOT_DEFINED = "not defined"
    LEFT_OUT = "left out"
    NOT_MEASURED = "not measured"
    COMPUTED = "computed"  # from other rows, by a rule that the page states
    FAILED = "failed"


class Missing(msgspec.Struct, frozen=True):
    """In place of a number: why there is none, in one word and in a sentence."""

    why: Why
    reason: str


class Row(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind"):
    """`key`: what was measured, unique within its campaign. The store fills in machine and process."""

    campaign: str
    key: str
    machine: str = ""
    process: str = ""


class Head(Row, frozen=True, kw_only=True, tag="head"):
    """The first row of a campaign: everything that may not change within it. `plugins`: files from outside the package, with hashes."""

    study: str
    commit: str
    settings: dict[str, Any]
    weights: dict[str, str] = {}
    unavailable: dict[str, str] = {}
    notes: list[str] = []
    facts: dict[str, Any] = {}
    plugins: dict[str, str] = {}


class Machine(Row, frozen=True, kw_only=True, tag="machine"):
    """A machine that measured rows of this campaign. `ceilings`: operations per second by precision; `bandwidth`: bytes per second."""

    environment: dict[str, Any]
    ceilings: dict[str, float] = {}
    bandwidth: float | None = None


class Failed(Row, frozen=True, kw_only=True, tag="failed"):
    """A measurement that has no number. `again`: the reason may pass (memory, disk), so the same command tries it again."""

    missing: Missing
    again: bool
    subject: dict[str, Any] = {}
