"""The life of a patch: old code, code with the patch, and code after it was removed by hand."""

from __future__ import annotations

from textwrap import dedent

import pytest

from tests.unit.versions.loading import code, hash_of

HEAD = """
import continuum
from continuum import patched
from continuum import patched as is_new

def charge(x): return x
def refund(x): return -x
"""

LIVES = {
    "if and else": (
        """
        async def flow(x):
            a = charge(x)
            b = await refund(a)
            return b
        """,
        """
        async def flow(x):
            a = charge(x)
            if patched("p"):
                b = await charge(a)
            else:
                b = await refund(a)
            return b
        """,
        """
        async def flow(x):
            a = charge(x)
            b = await charge(a)
            return b
        """,
    ),
    "only a new branch": (
        "async def flow(x):\n    return x",
        """
        async def flow(x):
            if continuum.patched("p"):
                await charge(x)
            return x
        """,
        "async def flow(x):\n    await charge(x)\n    return x",
    ),
    "only an old branch, negated": (
        "async def flow(x):\n    await charge(x)\n    return x",
        """
        async def flow(x):
            if not is_new("p"):
                await charge(x)
            return x
        """,
        "async def flow(x):\n    return x",
    ),
    "early return": (
        """
        async def flow(x):
            await charge(x)
            return await refund(x)
        """,
        """
        async def flow(x):
            if patched("p"):
                return x
            await charge(x)
            return await refund(x)
        """,
        "async def flow(x):\n    return x",
    ),
    "early return from both branches of a condition": (
        "async def flow(x):\n    return await refund(x)",
        """
        async def flow(x):
            if patched("p"):
                if x:
                    return x
                else:
                    raise ValueError(x)
            return await refund(x)
        """,
        """
        async def flow(x):
            if x:
                return x
            else:
                raise ValueError(x)
        """,
    ),
    "elif": (
        """
        async def flow(x):
            if x > 1:
                return 1
            else:
                return 3
        """,
        """
        async def flow(x):
            if x > 1:
                return 1
            elif patched("p"):
                return 2
            else:
                return 3
        """,
        """
        async def flow(x):
            if x > 1:
                return 1
            else:
                return 2
        """,
    ),
    "an empty branch": (
        "async def flow(x):\n    if x:\n        pass\n    return 1",
        'async def flow(x):\n    if x:\n        if patched("p"):\n            x = 0\n    return 1',
        "async def flow(x):\n    if x:\n        x = 0\n    return 1",
    ),
    "in a loop": (
        """
        async def flow(x):
            for each in x:
                await charge(each)
        """,
        """
        async def flow(x):
            for each in x:
                if patched("p"):
                    if each is None:
                        break
                    continue
                await charge(each)
        """,
        """
        async def flow(x):
            for each in x:
                if each is None:
                    break
                continue
        """,
    ),
    "while": (
        "async def flow(x):\n    return x",
        """
        async def flow(x):
            while patched("p") and x < 3:
                x += 1
            return x
        """,
        "async def flow(x):\n    while x < 3:\n        x += 1\n    return x",
    ),
    "conditional expression": (
        "async def flow(x):\n    return await refund(x)",
        'async def flow(x):\n    return await (charge(x) if patched("p") else refund(x))',
        "async def flow(x):\n    return await charge(x)",
    ),
    "and": (
        "async def flow(x):\n    return 1",
        'async def flow(x):\n    if patched("p") and x > 3:\n        return 2\n    return 1',
        "async def flow(x):\n    if x > 3:\n        return 2\n    return 1",
    ),
    "and behind a parameter": (
        "async def flow(x):\n    return 1",
        """
        async def flow(x):
            if x and x is not None and patched("p"):
                return 2
            return 1
        """,
        "async def flow(x):\n    if x and x is not None:\n        return 2\n    return 1",
    ),
    "or with a negation": (
        "async def flow(x):\n    return refund(x)",
        """
        async def flow(x):
            if not patched("p") or x > 3:
                return refund(x)
            return 1
        """,
        "async def flow(x):\n    if x > 3:\n        return refund(x)\n    return 1",
    ),
    "in a helper": (
        """
        async def flow(x): return helper(x)
        def helper(x): return charge(x)
        """,
        """
        async def flow(x): return helper(x)
        def helper(x):
            if patched("p"):
                return refund(x)
            return charge(x)
        """,
        """
        async def flow(x): return helper(x)
        def helper(x): return refund(x)
        """,
    ),
    "the old helper is deleted with the patch": (
        """
        async def flow(x): return old(x)
        def old(x): return older(x)
        def older(x): return 1
        """,
        """
        async def flow(x): return new(x) if patched("p") else old(x)
        def old(x): return older(x)
        def older(x): return 1
        def new(x): return 2
        """,
        """
        async def flow(x): return fresh(x)
        def fresh(x): return 2
        """,
    ),
    "several sites of one name": (
        "async def flow(x):\n    await charge(x)\n    await charge(x)",
        """
        async def flow(x):
            await (refund(x) if patched("p") else charge(x))
            if patched("p"):
                await refund(x)
            else:
                await charge(x)
        """,
        "async def flow(x):\n    await refund(x)\n    await refund(x)",
    ),
    "a method and a lambda": (
        """
        class Rates:
            def at(self, x): return 1
        async def flow(x): return sorted(x, key=lambda each: Rates().at(each))
        """,
        """
        class Rates:
            def at(self, x): return 2 if patched("p") else 1
        async def flow(x): return sorted(x, key=lambda each: Rates().at(each))
        """,
        """
        class Rates:
            def at(self, x): return 2
        async def flow(x): return sorted(x, key=lambda each: Rates().at(each))
        """,
    ),
    "match": (
        "async def flow(x):\n    match x:\n        case 1:\n            return 1",
        """
        async def flow(x):
            match x:
                case 1:
                    return 1
                case 2 if patched("p"):
                    return 2
        """,
        """
        async def flow(x):
            match x:
                case 1:
                    return 1
                case 2:
                    return 2
        """,
    ),
    "try": (
        "async def flow(x):\n    return refund(x)",
        """
        async def flow(x):
            if patched("p"):
                try:
                    return charge(x)
                except ValueError:
                    raise
            return refund(x)
        """,
        """
        async def flow(x):
            try:
                return charge(x)
            except ValueError:
                raise
        """,
    ),
}


@pytest.mark.parametrize("life", LIVES)
def test_a_patch_proves_what_its_code_can_run(life: str) -> None:
    """With the patch the code has the hash of the old code, and that of the code without it."""
    old, patched, new = (HEAD + dedent(each) for each in LIVES[life])
    assert hash_of(patched) == hash_of(old)
    assert hash_of(patched, "p") == hash_of(new)
    assert hash_of(old) != hash_of(new)
    assert code(patched).patches == {"p"}
    assert code(old).patches == code(new).patches == set()


TWO = """
async def flow(x):
    if patched("p"):
        if patched("q"):
            return 3
        return 2
    return 1
"""


def test_two_patches_give_the_hashes_of_the_codes_they_came_from() -> None:
    """Each set of patches is one code; one patch inside another does nothing alone."""
    versions = code(HEAD + TWO)
    one, two, three = (
        hash_of(f"{HEAD}async def flow(x):\n    return {result}") for result in (1, 2, 3)
    )
    assert versions.hash() == versions.hash(["q"]) == one
    assert versions.hash(["p"]) == two
    assert versions.hash(["p", "q"]) == three
    assert versions.patches == {"p", "q"}


def test_removing_one_of_two_patches_leaves_the_hashes_of_the_other() -> None:
    """After p was removed by hand, q still stands for the code before and after it."""
    both = code(HEAD + TWO)
    rest = code(f'{HEAD}async def flow(x):\n    if patched("q"):\n        return 3\n    return 2')
    assert rest.hash() == both.hash(["p"])
    assert rest.hash(["q"]) == both.hash(["p", "q"])


def test_names_that_are_no_patch_of_the_code_do_not_count() -> None:
    """Recipes of other code can be asked of any code."""
    source = f'{HEAD}async def flow(x):\n    return patched("p")'
    assert hash_of(source, "p", "foreign") == hash_of(source, "p")


def test_a_value_that_escapes_is_not_folded() -> None:
    """The decisions are told apart, but no hand-made change gives the same code."""
    versions = code(f'{HEAD}async def flow(x):\n    new = patched("p")\n    return new')
    assert versions.hash() != versions.hash(["p"])


def test_only_what_cannot_act_is_left_out() -> None:
    """A call before a patch is executed whatever was decided."""
    old = hash_of(f"{HEAD}async def flow(x):\n    return 1")
    call = 'async def flow(x):\n    if charge(x) and patched("p"):\n        return 2\n    return 1'
    local = 'async def flow(x):\n    if y and patched("p"):\n        y = 2\n    return 1'
    assert hash_of(HEAD + call) != old
    assert hash_of(HEAD + local) != old


def test_code_that_is_dropped_still_decides_what_names_mean() -> None:
    """An assignment behind a return makes a name local, so the code differs."""
    rest = "    total = 2"
    assert hash_of(f"total = 1\nasync def flow():\n    return total\n{rest}") != hash_of(
        "total = 1\nasync def flow():\n    return total\n"
    )


def test_sites_are_listed_with_their_places() -> None:
    """Every mention of a patch, also below another one and in helpers."""
    versions = code(HEAD + TWO)
    assert [(site.name, site.line) for site in versions.sites] == [("p", 10), ("q", 11)]


def test_a_patch_without_a_literal_name_is_opaque() -> None:
    """Its name is not known, so nothing is proved about it."""
    versions = code(f"{HEAD}async def flow(x):\n    return 1 if patched(x) else 2")
    assert versions.patches == set()
    assert [site.name for site in versions.opaque] == ["patched() without a literal name"]
