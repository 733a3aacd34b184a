"""Looks up every TensorRT name that source files use in a list of one version's classes: a small abstract interpreter.

It follows the values whose class is known, from `trt.Name(...)` through assignments, loops, `self` and calls of the files' own functions
(each run once for each set of argument types), and checks each attribute, keyword, number of arguments and TensorRT-typed argument on the
way. What it cannot follow it reports: an attribute with the name of a TensorRT member, on an object that is of unknown class in every call.
A value is None (unknown, or nothing of TensorRT's) or a pair: ("module", "trt"), ("class", name), ("object", name), ("method", (class,
name)), ("function", (node, module, self)), ("many", value) for lists and their like. A class of the files is named "module:Name".
"""

import ast
import json
import re
from pathlib import Path

ENUM = {"name", "value", "__members__"}  # pybind gives them to every enum
TRT = ("module", "trt")
SCOPES = (ast.FunctionDef, ast.ClassDef)


class Names:
    """`errors` of the files read so far against one version, and the `seen` members, "Class.member" or "trt.Name"."""

    def __init__(self, facts: Path):
        listed = json.loads(facts.read_text())
        self.version, self.classes, self.constants = listed["tensorrt"], listed["classes"], set(listed["constants"])
        for name, outer in list(self.classes.items()):
            self.classes |= {f"{name}.{inner}": {"enum": members} for inner, members in outer.get("nested", {}).items()}
        members = {m for c in self.classes.values() for kind in ("methods", "properties") for m in c.get(kind, ())}
        self.distinctive = {m for m in members if "_" in m.strip("_")} - {"__init__"}
        self.errors, self.seen, self.lost, self.found = set(), set(), {}, set()
        self.globals, self.own, self.runs = {}, {}, {}  # module -> names; "module:Class" -> node, bases, attributes; calls under way or done

    def read(self, **sources: str) -> list[str]:
        """The errors of these files together, module name -> text; a file is read after those it imports from."""
        for module, text in sources.items():
            self.globals[module] = {}
            self.body(ast.parse(text).body, self.globals[module], module)
        for _ in range(2):  # twice, so that what one method leaves on self is known in the others
            self.runs.clear()
            for module in sources:
                for value in list(self.globals[module].values()):
                    self.enter(value)
        unresolved = [where for node, where in self.lost.items() if node not in self.found]
        return sorted(f"TensorRT {self.version}: {error}" for error in [*self.errors, *unresolved])

    def enter(self, value) -> None:
        """Runs a function or every method of a class with unknown arguments."""
        if value and value[0] == "function":
            self.run(*value[1], {})
        elif value and value[0] == "class" and value[1] in self.own:
            for node in self.own[value[1]]["node"].body:
                if isinstance(node, ast.FunctionDef):
                    self.run(node, value[1].partition(":")[0], ("object", value[1]), {})

    # --- statements ---------------------------------------------------------------------------------------------------------------------

    def run(self, node, module, owner, arguments: dict):
        """What the function gives back for these argument types."""
        key = (node, owner, tuple(sorted(arguments.items(), key=str)))
        if key not in self.runs:
            self.runs[key] = None
            names = dict(arguments)
            if owner:
                names[node.args.args[0].arg] = owner
            self.runs[key] = self.body(node.body, names, module)
        return self.runs[key]

    def body(self, statements, names: dict, module: str):
        given = None
        for node in statements:
            given = self.join(given, self.statement(node, names, module))
        return given

    def statement(self, node, names, module):
        """Runs one statement; its value is what it returns from the function."""
        if isinstance(node, ast.Import | ast.ImportFrom):
            return self.imports(node, names)
        if isinstance(node, ast.FunctionDef):
            names[node.name] = ("function", (node, module, None))
            return None
        if isinstance(node, ast.ClassDef):
            return self.define(node, names, module)
        if isinstance(node, ast.Return):
            return self.value(node.value, names, module)
        if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            value = self.value(node.value, names, module) if node.value else None
            for target in targets:
                self.bind(target, value, node.value, names, module)
            return None
        if isinstance(node, ast.For):
            self.bind(node.target, self.element(self.value(node.iter, names, module)), None, names, module)
        given = None
        for field in ast.iter_child_nodes(node):
            if isinstance(field, ast.stmt):
                given = self.join(given, self.statement(field, names, module))
            elif isinstance(field, ast.excepthandler):
                given = self.join(given, self.body(field.body, names, module))
            elif isinstance(field, ast.withitem):
                value = self.value(field.context_expr, names, module)
                if field.optional_vars:
                    self.bind(field.optional_vars, value, None, names, module)
            elif isinstance(field, ast.expr):
                self.value(field, names, module)
        return given

    def imports(self, node, names) -> None:
        for alias in node.names:
            name = alias.asname or alias.name
            if isinstance(node, ast.Import) and alias.name == "tensorrt":
                names[name] = TRT
            elif isinstance(node, ast.ImportFrom) and node.module in self.globals:
                names[name] = self.globals[node.module].get(alias.name)
            elif isinstance(node, ast.ImportFrom) and node.module == "tensorrt":
                self.error(node, "import tensorrt as trt is wanted, so that its names can be followed")

    def define(self, node, names, module) -> None:
        """A class of the files; a method that TensorRT calls must have the name and the arguments of the base class's."""
        bases = [base[1] for base in (self.value(b, names, module) for b in node.bases) if base]
        name = f"{module}:{node.name}"
        before = self.own.get(name, {"attributes": {}})["attributes"]
        self.own[name] = {"node": node, "bases": bases, "attributes": before, "names": names}
        names[node.name] = ("class", name)
        for base in (b for b in bases if b in self.classes):
            for method in (n for n in node.body if isinstance(n, ast.FunctionDef) and not n.name.startswith("_")):
                wanted = [a.arg for a in self.signatures(base, method.name)[0].args.args] if self.has(base, method.name) else None
                if wanted != [a.arg for a in method.args.args]:
                    self.error(method, f"{base}.{method.name} takes {wanted}")
        for method in (n for n in node.body if isinstance(n, ast.FunctionDef)) if bases else ():
            self.body(method.body, {**names, method.args.args[0].arg: ("object", name)}, module)

    def bind(self, target, value, source, names, module) -> None:
        if isinstance(target, ast.Name):
            names[target.id] = self.join(names.get(target.id), value) if value else names.get(target.id)
        elif isinstance(target, ast.Tuple | ast.List):
            each = source.elts if isinstance(source, ast.Tuple | ast.List) and len(source.elts) == len(target.elts) else None
            for index, part in enumerate(target.elts):
                self.bind(part, self.value(each[index], names, module) if each else self.element(value), None, names, module)
        elif isinstance(target, ast.Attribute):
            owner = self.value(target.value, names, module)
            if owner and owner[0] == "object" and owner[1] in self.own:
                kept = self.own[owner[1]]["attributes"]
                kept[target.attr] = self.join(kept.get(target.attr), value)
            else:
                self.member(target, owner, write=True)
        else:
            self.value(target, names, module)

    # --- expressions --------------------------------------------------------------------------------------------------------------------

    def value(self, node, names, module):
        if node is None:
            return None
        if isinstance(node, ast.Name):
            return names.get(node.id, self.globals[module].get(node.id))
        if isinstance(node, ast.Attribute):
            return self.member(node, self.value(node.value, names, module))
        if isinstance(node, ast.Call):
            return self.call(node, names, module)
        if isinstance(node, ast.NamedExpr):
            value = self.value(node.value, names, module)
            self.bind(node.target, value, None, names, module)
            return value
        if isinstance(node, ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp):
            names = dict(names)
            for part in node.generators:
                self.bind(part.target, self.element(self.value(part.iter, names, module)), None, names, module)
                for test in part.ifs:
                    self.value(test, names, module)
            made = [self.value(part, names, module) for part in ([node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt])]
            return ("many", made[-1]) if made[-1] else None
        values = [self.value(part, names, module) for part in ast.iter_child_nodes(node) if isinstance(part, ast.expr)]
        if isinstance(node, ast.Subscript):
            return self.element(values[0])
        if isinstance(node, ast.IfExp | ast.BoolOp):
            return self.join(*(values[1:] if isinstance(node, ast.IfExp) else values))
        if isinstance(node, ast.List | ast.Tuple | ast.Set):
            inside = self.join(*values)
            return ("many", inside) if inside else None
        return None

    def element(self, value):
        return value[1] if value and value[0] == "many" else None

    def join(self, *values):
        """The one class that these values have, unknown ones aside."""
        kinds = {value for value in values if value}
        if len(kinds) > 1:
            self.errors.add(f"one name stands for {' and '.join(sorted(str(kind) for kind in kinds))}")
        return next(iter(kinds), None)

    def call(self, node, names, module):
        callee = self.value(node.func, names, module)
        positional = [self.value(argument, names, module) for argument in node.args]
        keywords = {k.arg: self.value(k.value, names, module) for k in node.keywords}
        called = node.func.id if isinstance(node.func, ast.Name) else None
        if called in ("getattr", "setattr", "hasattr") and positional[0]:
            self.error(node, f"{called} on {positional[0][1]} cannot be followed")
        if not callee:
            return self.element(positional[0]) if called in ("next",) and positional else None
        kind, what = callee
        if kind == "function":
            parameters = [a.arg for a in what[0].args.args][1 if what[2] else 0 :]
            given = {**dict(zip(parameters, positional, strict=False)), **keywords}
            return self.run(*what, {name: value for name, value in given.items() if name in parameters and value})
        if kind == "class" and what in self.own:
            self.construct(node, what, positional, keywords)
            return ("object", what)
        if kind == "class":
            return self.check(node, what, "__init__", positional, keywords, ("object", what))
        return self.check(node, *what, positional, keywords) if kind == "method" else None

    def construct(self, node, name, positional, keywords) -> None:
        for method in self.own[name]["node"].body:
            if isinstance(method, ast.FunctionDef) and method.name == "__init__":
                parameters = [a.arg for a in method.args.args][1:]
                given = {**dict(zip(parameters, positional, strict=False)), **keywords}
                self.run(method, name.partition(":")[0], ("object", name), {key: value for key, value in given.items() if value})

    # --- TensorRT's own -----------------------------------------------------------------------------------------------------------------

    def member(self, node: ast.Attribute, owner, write: bool = False):
        """The value of `owner.attr`; an error where TensorRT has no such member."""
        name = node.attr
        if owner is None or owner[0] not in ("module", "class", "object"):
            if name in self.distinctive:
                self.lost.setdefault(node, f"line {node.lineno}: .{name} is TensorRT's, on an object of unknown class")
            return None
        self.found.add(node)
        kind, what = owner
        if what in self.own:
            return self.of_own(node, what)
        if kind == "module":
            self.seen.add(f"trt.{name}")
            return ("class", name) if name in self.classes else self.unless(name in self.constants, node, f"trt.{name} does not exist")
        self.seen.add(f"{what}.{name}")
        facts = self.classes[what]
        if name in facts.get("enum", ()) or name in facts.get("class_attrs", ()):
            return ("object", what if "enum" in facts else f"{what}.Severity")
        if f"{what}.{name}" in self.classes:
            return ("class", f"{what}.{name}")
        if "enum" in facts:
            return ("many", ("object", what)) if name == "__members__" else self.unless(name in ENUM, node, f"{what}.{name} does not exist")
        if name in facts.get("properties", ()):
            access, _, of = facts["properties"][name].partition(" ")
            return self.unless(not write or "w" in access, node, f"{what}.{name} cannot be written") or self.named(of)
        if kind == "class" and name == "__name__":
            return None
        return ("method", (what, name)) if name in facts.get("methods", ()) else self.error(node, f"{what}.{name} does not exist")

    def of_own(self, node, name: str):
        """A member of a class of the files: what was left on self, a method, or its TensorRT base's."""
        own = self.own[name]
        if node.attr in own["attributes"]:
            return own["attributes"][node.attr]
        for method in own["node"].body:
            if isinstance(method, ast.FunctionDef) and method.name == node.attr:
                return ("function", (method, name.partition(":")[0], ("object", name)))
        base = next((b for b in own["bases"] if b in self.classes), None)
        if base:
            return self.member(node, ("object", base))
        if node.attr in self.distinctive:
            self.found.discard(node)
            self.lost.setdefault(node, f"line {node.lineno}: .{node.attr} is TensorRT's, on an object of unknown class")
        return None

    def has(self, what: str, method: str) -> bool:
        return method in self.classes[what].get("methods", ())

    def signatures(self, what: str, method: str) -> list[ast.FunctionDef]:
        listed = self.classes[what]["methods"][method]
        texts = [listed] if isinstance(listed, str) else listed
        return [ast.parse(f"def f{re.sub('<[^>]*>', 'None', text)}: ...").body[0] for text in texts]

    def check(self, node, what, method, positional, keywords, given=None):
        """What the call gives; an error unless one of the signatures takes these arguments."""
        if self.classes[what].get("constructible") is False and method == "__init__" or not self.has(what, method):
            return self.error(node, f"{what} cannot be constructed")
        self.seen.add(f"{what}.{method}")
        signatures = self.signatures(what, method)
        starred = any(isinstance(a, ast.Starred) for a in node.args) or None in keywords
        for signature in signatures:
            if self.takes(signature, positional, keywords, starred):
                return given or self.named(ast.unparse(signature.returns))
        wanted = " or ".join(f"({ast.unparse(signature.args)})" for signature in signatures)
        came = ", ".join([*(str(p and p[1]) for p in positional), *(f"{name}=" for name in keywords)])
        return self.error(node, f"{what}.{method} takes {wanted}, ({came}) came")

    def takes(self, signature, positional, keywords, starred: bool) -> bool:
        parameters = signature.args.args[1:]
        types = {a.arg: ast.unparse(a.annotation) if a.annotation else "" for a in parameters}
        required = list(types)[: len(parameters) - len(signature.args.defaults)]
        given = {**dict(zip(types, positional, strict=False)), **keywords}
        if not starred and (len(positional) > len(types) or not set(required) <= given.keys() or len(given) < len(positional) + len(keywords)):
            return False
        return all(name in types and self.fits(value, types[name]) for name, value in given.items() if name)

    def fits(self, value, wanted: str) -> bool:
        """Whether a value may go where `wanted` is asked for; unknown ones may go anywhere."""
        if not value or value[0] != "object" or wanted not in self.classes:
            return True
        return value[1] == wanted or value[1] in self.own and wanted in self.own[value[1]]["bases"]

    def named(self, text: str):
        """The value of a type that the lists name: a class, or a list of it."""
        inside = re.fullmatch(r"list\[(.+)\]", text)
        if inside:
            value = self.named(inside[1])
            return ("many", value) if value else None
        return ("object", text) if text in self.classes else None

    def unless(self, fine: bool, node, message: str) -> None:
        if not fine:
            self.error(node, message)

    def error(self, node, message: str) -> None:
        self.errors.add(f"line {node.lineno}: {message}")
