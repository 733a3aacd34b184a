"""One version's list of TensorRT classes, asked about single members and calls.

A value is None (unknown, or nothing of TensorRT's) or a pair: ("module", "trt"), ("class", name), ("object", name), ("method", (class, name)),
("many", value) for a list of them.
"""

import ast
import json
import re
from pathlib import Path

ENUM = {"name", "value"}  # pybind gives them, and __members__, to every enum


class Wrong(Exception):
    """TensorRT has no such name, or does not take such arguments."""


class Api:
    def __init__(self, facts: Path):
        listed = json.loads(facts.read_text())
        self.version, self.classes, self.constants = listed["tensorrt"], listed["classes"], set(listed["constants"])
        for name, outer in list(self.classes.items()):
            self.classes |= {f"{name}.{inner}": {"enum": members} for inner, members in outer.get("nested", {}).items()}
        members = {member for c in self.classes.values() for kind in ("methods", "properties") for member in c.get(kind, ())}
        self.telling = {member for member in members if "_" in member.strip("_")}  # no other library's, as far as we use them

    def member(self, kind: str, what: str, name: str, write: bool = False):
        """The value of `what.name`."""
        if kind == "module":
            return ("class", name) if name in self.classes else _none_if(name in self.constants, f"trt.{name} does not exist")
        facts = self.classes[what]
        if name in facts.get("enum", ()):
            return ("object", what)
        if "enum" in facts:
            return ("many", ("object", what)) if name == "__members__" else _none_if(name in ENUM, f"{what}.{name} does not exist")
        if name in facts.get("class_attrs", ()):
            return ("object", f"{what}.Severity")
        if f"{what}.{name}" in self.classes:
            return ("class", f"{what}.{name}")
        if name in facts.get("properties", ()):
            access, _, of = facts["properties"][name].partition(" ")
            return _none_if(not write or "w" in access, f"{what}.{name} cannot be written") or self.named(of)
        if write or name not in facts.get("methods", ()):
            return _none_if(kind == "class" and name == "__name__", f"{what}.{name} does not exist or cannot be written")
        return ("method", (what, name))

    def called(self, what: str, method: str, positional: list, keywords: dict, starred: bool, bases: dict):
        """What the call gives. `bases`: for each class that is not TensorRT's, the TensorRT classes it inherits from."""
        if method == "__init__" and (
            self.classes[what].get("constructible") is False or method not in self.classes[what].get("methods", ())
        ):
            raise Wrong(f"{what} cannot be constructed")
        signatures = self.signatures(what, method)
        for signature in signatures:
            if self._takes(signature, positional, keywords, starred, bases):
                return ("object", what) if method == "__init__" else self.named(ast.unparse(signature.returns))
        wanted = " or ".join(f"({ast.unparse(signature.args)})" for signature in signatures)
        came = ", ".join([*(str(value and value[1]) for value in positional), *(f"{name}=" for name in keywords)])
        raise Wrong(f"{what}.{method} takes {wanted}, ({came}) given")

    def signatures(self, what: str, method: str) -> list[ast.FunctionDef]:
        listed = self.classes[what]["methods"][method]
        texts = [listed] if isinstance(listed, str) else listed
        return [ast.parse(f"def f{re.sub('<[^>]*>', 'None', text)}: ...").body[0] for text in texts]

    def _takes(self, signature: ast.FunctionDef, positional: list, keywords: dict, starred: bool, bases: dict) -> bool:
        types = {a.arg: ast.unparse(a.annotation) for a in signature.args.args[1:]}
        required = list(types)[: len(types) - len(signature.args.defaults)]
        given = dict(zip(types, positional, strict=False)) | keywords
        enough = set(required) <= given.keys() and len(positional) <= len(types) and len(given) == len(positional) + len(keywords)
        return (starred or enough) and all(name in types and self._fits(value, types[name], bases) for name, value in given.items() if name)

    def _fits(self, value, wanted: str, bases: dict) -> bool:
        known = value is not None and value[0] == "object" and wanted in self.classes
        return not known or value[1] == wanted or wanted in bases.get(value[1], ())

    def named(self, text: str):
        """The value of a type that a signature names: a class, or a list of it."""
        if inside := re.fullmatch(r"list\[(.+)\]", text):
            value = self.named(inside[1])
            return value and ("many", value)
        return ("object", text) if text in self.classes else None


def _none_if(fine: bool, otherwise: str) -> None:
    if not fine:
        raise Wrong(otherwise)
