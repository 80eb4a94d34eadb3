"""The version hash of a workflow: of its code, and of every function and class it reaches.

Exact: two workflows have one hash under an assignment of their patches if and only if their
normalised, folded trees are equal, and so are those of everything they reach. `docs/versions.md`
says what is covered.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import CodeType, FunctionType
from typing import Any, Final, cast

from continuum.versions.boundaries import awaited_signals, boundaries_of
from continuum.versions.build import application_modules
from continuum.versions.naming import Names, names_of
from continuum.versions.normalise import Writer
from continuum.versions.schemas import CodecSchema, codec_schema
from continuum.versions.text import Definition, Site, Text, of_function


class VersionedCode:
    """What a workflow function does, under every assignment of the patches in it.

    Nothing is read before it is asked for: names then mean what they mean in the loaded
    application.

    Args:
        fn: the plain function.

    Example:
        code = VersionedCode(order_flow.fn)
        old, new = code.hash(), code.hash(code.patches)
    """

    def __init__(self, fn: Callable[..., Any]) -> None:
        self._root = of_function(cast("FunctionType", fn))
        self._undecided: list[Text] | None = None

    def hash(self, taken: Iterable[str] = ()) -> str:
        """SHA-256 (hex) of the code where these patches are taken, and all others are not.

        Equal on every supported Python.
        """
        digest = hashlib.sha256()
        for part in _linked(self._root, self._decided(taken)):
            digest.update(part.encode("utf-8", "surrogatepass"))
        return digest.hexdigest()

    def codecs(self, workflow: Any, taken: Iterable[str] = ()) -> CodecSchema:
        """The types of all values that cross the journal where these patches are taken.

        Args:
            workflow: the declaration of this code.
            taken: see `hash`.
        """
        decided = self._decided(taken)
        texts = [_text(each, decided) for each in _reach(self._root, decided)]
        return codec_schema(boundaries_of(workflow, texts))

    @property
    def patches(self) -> frozenset[str]:
        """The names of its patches."""
        return frozenset(site.name for text in self._reached() for site in text.sites)

    @property
    def forms(self) -> dict[str, str]:
        """What each patch decides: a digest of the code in all of its branches, by name.

        Edits elsewhere leave it as it is, also of what the branches call.
        """
        decided: dict[str, list[str]] = {name: [] for name in self.patches}
        for text in self._reached():
            for name, parts in text.branched.items():
                for part in parts:
                    named = (each if isinstance(each, str) else f"#{each.name}" for each in part)
                    decided[name].append("".join(named))
        return {
            name: hashlib.sha256(
                "\n".join(sorted(texts)).encode("utf-8", "surrogatepass")
            ).hexdigest()
            for name, texts in decided.items()
        }

    @property
    def sites(self) -> list[Site]:
        """Every mention of a patch, in it and in what it reaches, sorted."""
        return sorted({site for text in self._reached() for site in text.sites})

    @property
    def reached(self) -> list[Definition]:
        """The definitions that it reaches whatever patches are taken, itself the first."""
        return list(_reach(self._root, {}))

    @property
    def signals(self) -> list[tuple[str | None, Any]]:
        """Name and type of each wait for a signal, in every branch; a computed name is None.

        A type that the source does not tell is `Unresolved`.
        """
        return list(awaited_signals(self._reached()))

    @property
    def opaque(self) -> list[Site]:
        """What decides but cannot be seen, so that no hash can prove it equal, sorted."""
        texts = self._reached()
        found = {site for text in texts for site in text.opaque}
        unknown = {site for text in texts for site in text.unknown}
        if unknown:
            methods = _methods(self._root.names)
            for site in unknown:
                if site.name in methods:
                    what = f"{site.name}() of an object whose class the source does not tell"
                    found.add(Site(what, site.file, site.line))
        return sorted(found)

    def _decided(self, taken: Iterable[str]) -> dict[str, bool]:
        return {**dict.fromkeys(self.patches, False), **dict.fromkeys(taken, True)}

    def _reached(self) -> list[Text]:
        """The texts of everything that it reaches, with patches or without."""
        if self._undecided is None:
            self._undecided = [_text(each, {}) for each in _reach(self._root, {})]
        return self._undecided


def version_hash(fn: Callable[..., Any]) -> str:
    """The hash of a fresh run, which takes every patch."""
    code = VersionedCode(fn)
    return code.hash(code.patches)


def _methods(names: Names) -> set[str]:
    """Names of methods of the application, as far as a module and its imports reach."""
    known = _known_methods.get(names.module)
    if known is None:
        modules = application_modules({names.module}).values()
        sources = [each.source for each in (names, *map(names_of, modules))]
        known = {name for source in sources if source is not None for name in source.methods}
        _known_methods[names.module] = known
    return known


_known_methods: Final[dict[str, set[str]]] = {}


# The texts of everything, linked: a definition is known by the order in which it is mentioned, so
# its own name and place do not count.


def _linked(root: Definition, decided: Mapping[str, bool]) -> Iterator[str]:
    numbers = _reach(root, decided)
    for each in numbers:
        for piece in _text(each, decided).pieces:
            yield piece if isinstance(piece, str) else f"#{numbers[piece]}"
        yield "\n\n"


def _reach(root: Definition, decided: Mapping[str, bool]) -> dict[Definition, int]:
    """What a definition reaches, itself included, numbered in the order of mention."""
    numbers = {root: 0}
    todo = [root]
    for each in todo:
        for piece in _text(each, decided).pieces:
            if isinstance(piece, Definition) and piece not in numbers:
                numbers[piece] = len(numbers)
                todo.append(piece)
    return numbers


_texts: Final[dict[tuple[Definition, frozenset[tuple[str, bool]]], Text]] = {}
"""Helpers are shared by many workflows, and most of them mention no patch."""


def _text(definition: Definition, decided: Mapping[str, bool]) -> Text:
    text = _decided_text(definition, {})
    own = {site.name for site in text.sites} & decided.keys()
    return _decided_text(definition, {name: decided[name] for name in own}) if own else text


def _decided_text(definition: Definition, decided: Mapping[str, bool]) -> Text:
    key = (definition, frozenset(decided.items()))
    text = _texts.get(key)
    if text is None:
        text = _written(definition, decided)
        text.join()
        if text.complete:
            _texts[key] = text
    return text


def _written(definition: Definition, decided: Mapping[str, bool]) -> Text:
    writer = Writer(definition.names, decided)
    value = definition.value
    if isinstance(value, FunctionType):
        nodes = definition.function_nodes()
        for node in nodes:
            writer.function(node, value)
        if not nodes:
            writer.unseen(f"bytecode {_bytecode(value.__code__, value.__doc__)}", definition.name)
    elif isinstance(value, type):
        node = definition.class_node()
        if node is not None:
            writer.class_(node)
        else:
            writer.unseen(f"class {definition.name!r}", definition.name)
    else:
        writer.node(definition.names.expression(definition.name))
    return writer.text


def _bytecode(code: CodeType, docstring: str | None) -> str:
    constants = [each for each in code.co_consts if docstring is None or each != docstring]
    return repr((
        code.co_code.hex(),
        [_constant(each) for each in constants],
        code.co_names,
        code.co_varnames,
        code.co_freevars,
    ))  # fmt: skip


def _constant(value: Any) -> str:
    if isinstance(value, CodeType):
        return _bytecode(value, None)
    if isinstance(value, frozenset):  # its order differs between processes
        return f"frozenset{sorted(map(repr, value))}"  # pyright: ignore[reportUnknownArgumentType]
    return repr(value)
