"""Every TensorRT name, keyword and number of arguments in source files, looked up in one version's list: a small abstract interpreter.

It follows the values whose class is known from `trt.Name(...)` through assignments, loops, `self` and calls of the files' own functions,
each run once for each set of argument types. What it cannot follow it reports: a member that only TensorRT has, on an object whose class is
unknown in every call. Values are as in tensorrt_api, and ("function", (node, module, self)); a class of the files is named "module:Name".
"""

import ast
from pathlib import Path

from helpers.tensorrt_api import Api, Wrong


class Names:
    """`seen` holds the members met so far, "Class.member" or "trt.Name", and `nodes` the attributes that were looked up."""

    def __init__(self, facts: Path):
        self.api, self.errors, self.seen, self.nodes, self.lost = Api(facts), set(), set(), set(), {}
        self.globals, self.own, self.bases, self.left, self.runs = {}, {}, {}, {}, {}

    def read(self, sources: dict[str, str]) -> list[str]:
        """The errors of these files together, module name -> text; a file comes after those it imports from."""
        for module, text in sources.items():
            self.globals[module] = {}
            self.body(ast.parse(text).body, self.globals[module], module)
        for _ in range(2):  # twice, so that what one method leaves on self is known in the others
            self.runs.clear()
            for kind, what in [value for names in self.globals.values() for value in names.values() if value]:
                if kind == "function":
                    self.run(what, [], {})
                for method in self.own.get(what, {}).values() if kind == "class" else ():
                    self.run((method, what.partition(":")[0], ("object", what)), [], {})
        unresolved = [where for node, where in self.lost.items() if node not in self.nodes]
        return sorted(f"TensorRT {self.api.version}: {error}" for error in [*self.errors, *unresolved])

    def run(self, function, positional: list, keywords: dict):
        """What a function of the files gives back for arguments of these classes."""
        node, module, owner = function
        parameters = [a.arg for a in (*node.args.posonlyargs, *node.args.args)]
        given = dict(zip(parameters, [owner, *positional] if owner else positional, strict=False)) | keywords
        key = (node, str(sorted(given.items())))
        if key not in self.runs:
            self.runs[key] = None
            self.runs[key] = self.body(node.body, given, module)
        return self.runs[key]

    def body(self, statements: list[ast.stmt], names: dict, module: str):
        return self.join(*[self.statement(node, names, module) for node in statements])

    def statement(self, node: ast.stmt, names: dict, module: str):
        """Runs one statement and those in it; its value is what it returns from the function."""
        match node:
            case ast.Import() | ast.ImportFrom():
                return self.imports(node, names)
            case ast.FunctionDef():
                names[node.name] = ("function", (node, module, None))
                return None
            case ast.ClassDef():
                return self.define(node, names, module)
            case ast.Return():
                return self.value(node.value, names, module)
            case ast.Assign():
                for target in node.targets:
                    self.bind(target, node.value, self.value(node.value, names, module), names, module)
                return None
            case ast.AnnAssign():
                return self.bind(node.target, node.value, self.value(node.value, names, module), names, module)
            case ast.For():
                self.bind(node.target, None, _element(self.value(node.iter, names, module)), names, module)
            case ast.With():
                for item in node.items:
                    self.bind(item.optional_vars, None, self.value(item.context_expr, names, module), names, module)
            case ast.Match() | ast.AsyncFunctionDef() | ast.TryStar():
                self.errors.add(f"line {node.lineno}: {type(node).__name__} cannot be followed")
        for part in ast.iter_child_nodes(node):
            if isinstance(part, ast.expr):
                self.value(part, names, module)
        inside = [part for part in ast.iter_child_nodes(node) if isinstance(part, ast.stmt)]
        handlers = [line for handler in getattr(node, "handlers", ()) for line in handler.body]
        return self.body([*inside, *handlers], names, module)

    def imports(self, node: ast.Import | ast.ImportFrom, names: dict) -> None:
        for alias in node.names:
            if isinstance(node, ast.Import) and alias.name == "tensorrt":
                names[alias.asname or alias.name] = ("module", "trt")
            elif isinstance(node, ast.ImportFrom) and node.module == "tensorrt":
                self.errors.add(f"line {node.lineno}: import tensorrt as trt is expected, so that its names can be followed")
            elif isinstance(node, ast.ImportFrom) and alias.name in self.globals.get(node.module, ()):
                names[alias.asname or alias.name] = self.globals[node.module][alias.name]

    def define(self, node: ast.ClassDef, names: dict, module: str) -> None:
        """A class of the files; a method that TensorRT calls must have the name and the arguments of the base class's."""
        name = f"{module}:{node.name}"
        names[node.name] = ("class", name)
        self.own[name] = {part.name: part for part in node.body if isinstance(part, ast.FunctionDef)}
        self.bases[name] = [base[1] for base in (self.value(b, names, module) for b in node.bases) if base and base[1] in self.api.classes]
        self.left.setdefault(name, {})
        for method in self.own[name].values() if self.bases[name] else ():
            arguments = [a.arg for a in method.args.args]
            listed = self.api.classes[self.bases[name][0]]["methods"]
            wanted = [a.arg for a in self.api.signatures(self.bases[name][0], method.name)[0].args.args] if method.name in listed else None
            if arguments != wanted:
                self.errors.add(f"line {method.lineno}: {self.bases[name][0]}.{method.name} takes {wanted}, {arguments} given")
            self.body(method.body, names | {arguments[0]: ("object", name)}, module)

    def bind(self, target, source, value, names: dict, module: str) -> None:
        match target:
            case ast.Name():
                names[target.id] = self.join(names.get(target.id), value)
            case ast.Tuple():
                each = source.elts if isinstance(source, ast.Tuple) and len(source.elts) == len(target.elts) else None
                for index, part in enumerate(target.elts):
                    self.bind(part, None, self.value(each[index], names, module) if each else _element(value), names, module)
            case ast.Attribute():
                owner = self.value(target.value, names, module)
                if owner and owner[1] in self.left:
                    self.left[owner[1]][target.attr] = self.join(self.left[owner[1]].get(target.attr), value)
                else:
                    self.member(target, owner, write=True)

    def value(self, node: ast.expr | None, names: dict, module: str):
        match node:
            case ast.Name():
                return names.get(node.id, self.globals[module].get(node.id))
            case ast.Attribute():
                return self.member(node, self.value(node.value, names, module))
            case ast.Call():
                return self.call(node, names, module)
            case ast.NamedExpr():
                value = self.value(node.value, names, module)
                self.bind(node.target, None, value, names, module)
                return value
            case ast.ListComp() | ast.SetComp() | ast.GeneratorExp() | ast.DictComp():
                return self.comprehension(node, dict(names), module)
        values = [self.value(part, names, module) for part in ast.iter_child_nodes(node) if isinstance(part, ast.expr)] if node else []
        match node:
            case ast.Subscript():
                return _element(values[0])
            case ast.IfExp():
                return self.join(*values[1:])
            case ast.BoolOp():
                return self.join(*values)
            case ast.List() | ast.Tuple() | ast.Set():
                return _many(self.join(*values))
        return None

    def comprehension(self, node, names: dict, module: str):
        for part in node.generators:
            self.bind(part.target, None, _element(self.value(part.iter, names, module)), names, module)
            for test in part.ifs:
                self.value(test, names, module)
        made = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
        return _many([self.value(part, names, module) for part in made][-1])

    def join(self, *values):
        """The one class that these values have, unknown ones aside."""
        kinds = {value for value in values if value}
        if len(kinds) > 1:
            self.errors.add(f"one name stands for {' and '.join(sorted(map(str, kinds)))}")
        return next(iter(kinds), None)

    def call(self, node: ast.Call, names: dict, module: str):
        callee = self.value(node.func, names, module)
        positional = [self.value(argument, names, module) for argument in node.args]
        keywords = {k.arg: self.value(k.value, names, module) for k in node.keywords}
        if isinstance(node.func, ast.Name) and node.func.id in ("getattr", "setattr") and positional[0]:
            self.errors.add(f"line {node.lineno}: {node.func.id} on {positional[0][1]} cannot be followed")
        kind, what = callee or (None, None)
        if kind == "function":
            return self.run(what, positional, keywords)
        if kind == "class" and what in self.own:
            if "__init__" in self.own[what]:
                self.run((self.own[what]["__init__"], what.partition(":")[0], ("object", what)), positional, keywords)
            return ("object", what)
        if kind not in ("class", "method"):
            return None
        starred = any(isinstance(argument, ast.Starred) for argument in node.args) or None in keywords
        name, method = (what, "__init__") if kind == "class" else what
        self.seen.add(f"{name}.{method}")
        return self.tried(node, lambda: self.api.called(name, method, positional, keywords, starred, self.bases))

    def member(self, node: ast.Attribute, owner, write: bool = False):
        """The value of `owner.attr`: what was left on self, a method of the files, or TensorRT's."""
        kind, what = owner or (None, None)
        if kind in ("class", "object") and what in self.own:
            if left := self.left[what].get(node.attr):
                self.nodes.add(node)
                return left
            if node.attr in self.own[what]:
                return ("function", (self.own[what][node.attr], what.partition(":")[0], owner))
            kind, what = ("object", self.bases[what][0]) if self.bases[what] and node.attr not in self.left[what] else (None, None)
        if kind not in ("module", "class", "object"):
            if node.attr in self.api.telling:
                self.lost[node] = f"line {node.lineno}: .{node.attr} is TensorRT's, but the class of the object is unknown"
            return None
        self.nodes.add(node)
        self.seen.add(f"{what}.{node.attr}")
        return self.tried(node, lambda: self.api.member(kind, what, node.attr, write))

    def tried(self, node: ast.expr, ask):
        try:
            return ask()
        except Wrong as error:
            self.errors.add(f"line {node.lineno}: {error}")
            return None


def _element(value):
    return value[1] if value and value[0] == "many" else None


def _many(value):
    return ("many", value) if value else None
