"""Resolves names and attributes, through imports, assignments and classes."""

from __future__ import annotations

import ast
import builtins
from typing import Any, Final

from continuum.check.expressions import EXPRESSIONS
from continuum.check.forbidden import SET_TYPES, canonical, code_of
from continuum.check.modules import Project
from continuum.check.names import Binding, Scope, class_scope, decorator_calls
from continuum.check.values import (
    SET,
    Class,
    Declared,
    External,
    Function,
    Instance,
    Package,
    Value,
)

_DEPTH: Final = 24
_BUILTINS: Final = frozenset(dir(builtins)) | {"__builtins__"}
_PATH_PARTS: Final = frozenset({"parent", "parents"})


class Resolver:
    """Answers what names and expressions mean.

    Args:
        project: finds the application's modules.
    """

    def __init__(self, project: Project) -> None:
        self.project = project
        self._busy: set[tuple[int, str]] = set()
        self._classes: dict[int, Scope] = {}
        self._depth = 0

    # names

    def lookup(self, name: str, scope: Scope) -> list[Value]:
        """What a name may mean where it stands; nothing when that is unknown."""
        home = self.home(name, scope)
        if home is None:
            return self._global_of_nowhere(name, scope)
        return self._bound(home, name)

    def home(self, name: str, scope: Scope) -> Scope | None:
        """The scope that binds a name."""
        at: Scope | None = scope
        while at is not None:
            if name in at.outer and at.kind == "function":
                at = self._outer(at, name)
                continue
            if name in at.bindings and (at.kind != "class" or at is scope):
                return at
            at = at.parent
        return None

    def _outer(self, scope: Scope, name: str) -> Scope | None:
        at = scope.parent
        while at is not None and at.parent is not None and name not in at.bindings:
            at = at.parent
        return at

    def _bound(self, scope: Scope, name: str) -> list[Value]:
        if name in scope.known:
            return scope.known[name]
        key = (id(scope), name)
        if key in self._busy or self._depth > _DEPTH:
            return []
        self._busy.add(key)
        self._depth += 1
        try:
            found: list[Value] = []
            for binding in scope.bindings[name]:
                found += self._binding(binding, scope)
        finally:
            self._busy.discard(key)
            self._depth -= 1
        scope.known[name] = found
        return found

    def _global_of_nowhere(self, name: str, scope: Scope) -> list[Value]:
        module = scope.module
        for star in module.scope.stars:
            base = self.project.absolute(module, star.node)
            found = self.project.find(base)
            if found is not None:
                if name in found.scope.bindings:
                    return self._bound(found.scope, name)
            elif name not in _BUILTINS or code_of(f"{base}.{name}"):
                return [External(f"{base}.{name}")]
        return [External(f"builtins.{name}")] if name in _BUILTINS else []

    def _binding(self, binding: Binding, scope: Scope) -> list[Value]:
        kind = binding.kind
        if kind == "import":
            return [self.module(binding.name)]
        if kind == "from":
            base = self.module(self.project.absolute(scope.module, binding.node))
            return self.attribute(base, binding.name)
        if kind == "def":
            return [self.definition(binding.node, scope)]
        if kind in ("value", "enter"):
            return self.value(binding.node, scope)
        if kind == "self" and scope.owner is not None and scope.parent is not None:
            owner = Class(scope.parent, scope.owner)
            return [owner if _is_class_method(scope.node) else Instance(owner)]
        if kind in ("typed", "parameter"):
            if kind == "parameter" and scope.parent is not None:
                scope = scope.parent
            typed = self.typed(binding.node, scope)
            given = [] if binding.other is None else self.value(binding.other, scope)
            return [*typed, *(each for each in given if each not in typed)]
        return []

    def module(self, name: str) -> Value:
        """A module by its absolute name."""
        found = self.project.find(name)
        if found is not None or self.project.is_package(name):
            return Package(name, found)
        return External(name)

    def definition(self, node: Any, scope: Scope, owner: ast.ClassDef | None = None) -> Value:
        """A `def` or `class` where it stands."""
        if isinstance(node, ast.ClassDef):
            return Class(scope, node)
        function = Function(scope, node, owner)
        return Declared(function) if self.declared(function) else function

    def declared(self, function: Function) -> str | None:
        """ "activity" or "workflow" for a decorated function."""
        return self.decorated(function, {"continuum.activity", "continuum.workflow"})

    def decorated(self, function: Function, names: set[str]) -> str | None:
        """The last part of the decorator among `names`, if it has one."""
        for decorator in decorator_calls(function.node):
            for value in self.value(decorator, function.scope):
                if isinstance(value, External) and canonical(value.name) in names:
                    return canonical(value.name).rpartition(".")[2]
        return None

    def typed(self, annotation: Any, scope: Scope) -> list[Value]:
        """An object of the annotated type."""
        if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
            try:
                annotation = ast.parse(annotation.value, mode="eval").body
            except SyntaxError:
                return []
        if isinstance(annotation, ast.BinOp) and isinstance(annotation.op, ast.BitOr):
            return [*self.typed(annotation.left, scope), *self.typed(annotation.right, scope)]
        if isinstance(annotation, ast.Subscript):
            annotation = annotation.value
        if not isinstance(annotation, ast.Name | ast.Attribute):
            return []
        return [made for each in self.value(annotation, scope) for made in self._object(each)]

    def _object(self, value: Value) -> list[Value]:
        if isinstance(value, Class):
            return [Instance(value)]
        if isinstance(value, External):
            if value.name in SET_TYPES:
                return [SET]
            return [] if value.name.startswith("builtins.") else [External(value.name, made=True)]
        return []

    # expressions

    def value(self, node: Any, scope: Scope) -> list[Value]:
        """What an expression may mean; nothing when that is unknown."""
        handler = EXPRESSIONS.get(node.__class__)
        if handler is None or self._depth > _DEPTH:
            return []
        self._depth += 1
        try:
            return handler(self, node, scope)
        finally:
            self._depth -= 1

    def attribute(self, value: Value, name: str) -> list[Value]:
        """An attribute of a value."""
        if isinstance(value, External):
            made = value.made and canonical(value.name) == "pathlib.Path" and name in _PATH_PARTS
            return [value] if made else [External(f"{value.name}.{name}")]
        if isinstance(value, Package):
            return self._member(value, name)
        if isinstance(value, Instance):
            return [value.of] if name == "__class__" else self.member_of_class(value.of, name)
        if isinstance(value, Class):
            return self.member_of_class(value, name)
        if isinstance(value, Declared):
            return (
                [value.function]
                if name in ("fn", "__wrapped__")
                else ([value] if name == "options" else [])
            )
        return []

    def _member(self, package: Package, name: str) -> list[Value]:
        module = package.module
        if module is not None:
            if name in module.scope.bindings:
                return self._bound(module.scope, name)
            if module.scope.stars and name not in _BUILTINS:
                found = self._global_of_nowhere(name, module.scope)
                if found:
                    return found
        inner = self.module(f"{package.name}.{name}")
        return [inner] if isinstance(inner, Package) else []

    def scope_of(self, cls: Class) -> Scope:
        """The scope of a class body."""
        scope = self._classes.get(id(cls.node))
        if scope is None:
            scope = self._classes[id(cls.node)] = class_scope(cls.scope, cls.node)
        return scope

    def member_of_class(self, cls: Class, name: str) -> list[Value]:
        """A method or attribute, also inherited or assigned to `self`."""
        body = self.scope_of(cls)
        if name in body.bindings:
            found: list[Value] = []
            for binding in body.bindings[name]:
                if binding.kind == "def" and not isinstance(binding.node, ast.ClassDef):
                    found.append(self.definition(binding.node, cls.scope, cls.node))
                else:
                    found += self._binding(binding, body)
            return found
        assigned = self._assigned_to_self(cls, name)
        if assigned:
            return assigned
        for base in self.bases(cls):
            if isinstance(base, Class) and base.node is not cls.node:
                inherited = self.member_of_class(base, name)
            else:
                inherited = self.attribute(base, name) if isinstance(base, External) else []
            if inherited:
                return inherited
        return []

    def bases(self, cls: Class) -> list[Value]:
        """The values of its base classes."""
        return [value for base in cls.node.bases for value in self.value(base, cls.scope)]

    def _assigned_to_self(self, cls: Class, name: str) -> list[Value]:
        found: list[Value] = []
        for method in cls.node.body:
            if not isinstance(method, ast.FunctionDef) or not method.args.args:
                continue
            first = method.args.args[0].arg
            for node in ast.walk(method):
                if isinstance(node, ast.Assign):
                    for target in node.targets:
                        if (
                            isinstance(target, ast.Attribute)
                            and target.attr == name
                            and isinstance(target.value, ast.Name)
                            and target.value.id == first
                        ):
                            found += self.value(node.value, cls.scope)
        return found


def _is_class_method(node: Any) -> bool:
    return any(isinstance(d, ast.Name) and d.id == "classmethod" for d in decorator_calls(node))
