"""Properties of the version hash over generated workflows."""

from __future__ import annotations

import ast
import random
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.versions.loading import code, hash_of

HEAD = """
import asyncio
from continuum import activity, patched, sleep

LIMIT = 7

@activity(name="one")
async def one(x): return x

@activity(name="two")
async def two(x): return x

def helper(x):
    return x + LIMIT

def unrelated(x):
    return x
"""

atoms = st.sampled_from(
    ["x", "y", "LIMIT", "1", "'a'", "helper(x)", "await one(x)", "await two(y)"]
)
conditions = st.sampled_from(["x", "x > 2", "not y", "helper(y) == 3"])


def indented(block: list[str]) -> list[str]:
    return [f"    {line}" for line in block] or ["    pass"]


simple = st.builds(lambda name, value: [f"{name} = {value}"], st.sampled_from("xy"), atoms)
blocks: st.SearchStrategy[list[str]] = st.recursive(
    simple,
    lambda inner: st.one_of(
        st.builds(lambda a, b: a + b, inner, inner),
        st.builds(
            lambda test, a, b: [f"if {test}:", *indented(a), "else:", *indented(b)],
            conditions, inner, inner,
        ),
        st.builds(lambda a: ["for y in range(3):", *indented(a)], inner),
        st.builds(lambda a: ["async with asyncio.timeout(5):", *indented(a)], inner),
        st.builds(
            lambda a, b: ["try:", *indented(a), "except ValueError:", *indented(b)], inner, inner
        ),
        st.builds(lambda test, a: [f"if {test}:", *indented([*a, "return x"])], conditions, inner),
        st.builds(lambda a: ["for y in range(3):", *indented([*a, "break"])], inner),
    ),
    max_leaves=6,
)  # fmt: skip
quick = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


def flow(block: list[str], head: str = HEAD) -> str:
    """A module with a workflow of this body."""
    return "\n".join([head, "async def flow(x, y=2):", *indented([*block, "return y"])])


class Reformatted(ast.NodeTransformer):
    """Adds what does not count: docstrings, annotations, `pass`, code behind a return."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance

    def visit_FunctionDef(self, node: Any) -> Any:
        self.generic_visit(node)
        node.returns = ast.Name("int") if self._chance.random() < 0.5 else None
        for each in node.args.args:
            each.annotation = ast.Constant("int")
        if self._chance.random() < 0.5:
            node.body.insert(0, ast.Expr(ast.Constant(f"Docs {self._chance.random()}.")))
        if isinstance(node.body[-1], ast.Return):
            node.body.append(ast.parse("await_me(1)").body[0])
        return node

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815

    def visit_If(self, node: ast.If) -> ast.If:
        self.generic_visit(node)
        node.body.insert(self._chance.randrange(len(node.body) + 1), ast.Pass())
        return node

    def visit_Assign(self, node: ast.Assign) -> Any:
        if self._chance.random() < 0.5 and isinstance(node.targets[0], ast.Name):
            return ast.AnnAssign(node.targets[0], ast.Name("object"), node.value, 1)
        return node


@quick
@given(blocks, st.randoms(use_true_random=False))
def test_what_does_not_count_keeps_the_hash(block: list[str], chance: random.Random) -> None:
    """Formatting, comments, docstrings, annotations, moved lines, renamed unrelated functions."""
    source = flow(block)
    tree = Reformatted(chance).visit(ast.parse(source))
    other = ast.unparse(ast.fix_missing_locations(tree))
    other = "\n" * chance.randrange(3) + "# moved\n" + other.replace("unrelated", "something_else")
    assert hash_of(source) == hash_of(other)


MUTATIONS = [
    ("'a'", "'b'"), ("await one(", "await two("), ("await two(", "await one("), ("= 1", "= 2"),
    ("helper(", "unrelated("), ("x > 2", "x > 3"), ("not y", "y"), ("range(3)", "range(4)"),
    ("timeout(5)", "timeout(6)"), ("ValueError", "KeyError"), ("break", "continue"),
    ("LIMIT = 7", "LIMIT = 8"), ('name="one"', 'name="other"'), ("return x + LIMIT", "return x"),
    ("else:", "if x:"), ("y=2", "y=3"),
]  # fmt: skip


@quick
@given(blocks, st.sampled_from(MUTATIONS))
def test_what_decides_changes_the_hash(block: list[str], mutation: tuple[str, str]) -> None:
    """Any change of an effect, a literal, a branch or a helper that is reached."""
    old, new = mutation
    body = "\n".join(block)
    head = HEAD
    if old in body:
        changed = body.replace(old, new, 1).split("\n")
    else:
        changed = block
        head = HEAD.replace(old, new)
    reached = {
        "LIMIT = 7": "LIMIT" in body or "helper(" in body,
        'name="one"': "one(" in body,
        "return x + LIMIT": "helper(" in body,
    }
    source, other = flow(block), flow(changed, head)
    if old == "y=2":
        other = other.replace("y=2", "y=3")
    counts = old in body or old == "y=2" or reached.get(old, False)
    assert (hash_of(source) != hash_of(other)) is counts


SWAPPED = {"x": "y", "y": "x", "one": "two", "two": "one", "helper": "unrelated"}


class Mutated(ast.NodeTransformer):
    """Changes one place of the workflow: a literal, a name, an operator, a statement.

    Args:
        place: which one, of all there are; counted down to zero.
    """

    def __init__(self, place: int) -> None:
        self.place = place
        self.seen = 0

    def _here(self) -> bool:
        self.seen += 1
        return self.seen == self.place + 1

    def visit_Constant(self, node: ast.Constant) -> ast.Constant:
        if not self._here():
            return node
        value: Any = node.value
        return ast.Constant(f"{value}!" if isinstance(value, str) else value + 1)

    def visit_Name(self, node: ast.Name) -> ast.Name:
        if node.id in SWAPPED and isinstance(node.ctx, ast.Load) and self._here():
            return ast.Name(SWAPPED[node.id], node.ctx)
        return node

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        if self._here():
            return ast.UnaryOp(ast.Not(), node)
        return self.generic_visit(node)

    def visit_Await(self, node: ast.Await) -> ast.AST:
        return node.value if self._here() else self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> ast.AST:
        return ast.Pass() if self._here() else self.generic_visit(node)

    def visit_If(self, node: ast.If) -> ast.AST:
        if self._here():
            return ast.If(ast.UnaryOp(ast.Not(), node.test), node.body, node.orelse)
        return self.generic_visit(node)

    def visit_Try(self, node: ast.Try) -> ast.AST:
        return (
            ast.If(ast.Constant(True), node.body, [])
            if self._here()
            else (self.generic_visit(node))
        )


@quick
@given(blocks, st.data())
def test_every_single_change_changes_the_hash(block: list[str], data: st.DataObject) -> None:
    """Of any place of a workflow, wherever it stands: nothing in it is overlooked."""
    source = flow(block)
    places = Mutated(-1)
    places.visit(ast.parse(source).body[-1])
    mutation = Mutated(data.draw(st.integers(0, places.seen - 1)))
    tree = ast.parse(source)
    tree.body[-1] = mutation.visit(tree.body[-1])
    changed = ast.unparse(ast.fix_missing_locations(tree))
    assert hash_of(source) != hash_of(changed)


@quick
@given(blocks, blocks, blocks, st.booleans(), st.sampled_from(["flow", "loop", "helper"]))
def test_the_life_of_a_patch(
    before: list[str], old: list[str], new: list[str], negated: bool, where: str
) -> None:
    """Code with a patch has the hash of the code before it, and of the code without it."""
    test, first, second = ('not patched("p")', old, new) if negated else ('patched("p")', new, old)
    branches = [f"if {test}:", *indented(first), "else:", *indented(second)]
    sources = [placed(before, each, where) for each in (old, branches, new)]
    assert hash_of(sources[1]) == hash_of(sources[0])
    assert hash_of(sources[1], "p") == hash_of(sources[2])


def placed(before: list[str], block: list[str], where: str) -> str:
    """A module with this block in a workflow, in a loop of it, or in a helper it awaits."""
    if where == "flow":
        return flow([*before, *block])
    if where == "loop":
        return flow([*before, "for x in range(9):", *indented(block)])
    inner = "\n".join(["", "async def inner(x, y):", *indented([*block, "return x"])])
    return flow([*before, "x = await inner(x, y)"], HEAD + inner)


@quick
@given(st.permutations(["a", "b", "c"]), st.lists(blocks, min_size=3, max_size=3))
def test_patches_removed_in_any_order(order: list[str], bodies: list[list[str]]) -> None:
    """Every code on the way has the hashes of the code with all three patches."""
    sites = dict(zip("abc", bodies, strict=True))
    whole = code(flow(patches(sites, set())))
    gone: set[str] = set()
    for name in order:
        gone.add(name)
        rest = code(flow(patches(sites, gone)))
        for taken in ([], [each for each in "abc" if each not in gone]):
            assert rest.hash(taken) == whole.hash([*taken, *gone])


def patches(sites: dict[str, list[str]], gone: set[str]) -> list[str]:
    """A block behind each patch; those in `gone` were removed by hand."""
    lines: list[str] = []
    for name, block in sites.items():
        lines += block if name in gone else [f'if patched("{name}"):', *indented(block)]
    return lines
