"""The same rules when `@workflow` decorates a function."""

from __future__ import annotations

import importlib
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

from continuum import DefinitionError, DeterminismWarning
from continuum.errors import ConfigurationError
from continuum.settings import check_mode, trusted_helpers

SINNER = """
from continuum import activity, workflow
from .helpers import stamp

@activity
async def charge() -> float:
    import time
    return time.time()

@workflow
async def flow() -> float:
    await charge()
    return later() + stamp()

def later() -> float:
    import random
    return random.random()
"""


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], ModuleType]]:
    """Import a fresh package whose flows.py has the given source."""
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("CONTINUUM_CHECK", "warn")
    loaded: list[str] = []

    def load(source: str) -> ModuleType:
        name = f"declared_{tmp_path.name.replace('-', '_')}_{len(loaded)}"
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("")
        (tmp_path / name / "helpers.py").write_text(
            "import time\ndef stamp(): return time.time()\n"
        )
        (tmp_path / name / "flows.py").write_text(source)
        loaded.append(name)
        return importlib.import_module(f"{name}.flows")

    yield load
    for name in [each for each in sys.modules if each.startswith("declared_")]:
        del sys.modules[name]


def test_errors_are_warnings_at_their_own_line(load: Callable[[str], ModuleType]) -> None:
    """A helper defined later and one in another module are reported where they are written."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        load(SINNER)
    places = sorted((Path(each.filename).name, each.lineno) for each in caught)
    assert places == [("flows.py", 17), ("helpers.py", 2)]
    assert {each.category for each in caught} == {DeterminismWarning}
    text = str(next(each for each in caught if each.lineno == 17).message)
    assert text.startswith("CTM002 random.random(): randomness in later(), reached from workflow")
    assert "continuum.random()" in text


def test_errors_can_refuse_the_declaration(
    load: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With CONTINUUM_CHECK=error the module cannot be imported, and the error names the line."""
    monkeypatch.setenv("CONTINUUM_CHECK", "error")
    with pytest.raises(DefinitionError, match=r"flows\.py:17: CTM002 .* \(and 1 more\)"):
        load(SINNER)


def test_it_can_be_switched_off(
    load: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With CONTINUUM_CHECK=off nothing is looked at."""
    monkeypatch.setenv("CONTINUUM_CHECK", "off")
    assert load(SINNER).flow.name.endswith(":flow")


def test_opaque_helpers_are_not_mentioned(load: Callable[[str], ModuleType]) -> None:
    """Warnings are for `continuum check`; an import stays silent about them."""
    source = "import pytest\nfrom continuum import workflow\n"
    load(f"{source}@workflow\nasync def flow() -> None:\n    pytest.skip('x')\n")


def test_declaring_a_workflow_is_cheap(load: Callable[[str], ModuleType]) -> None:
    """A hundred workflows of one module are checked in well under a second."""
    flow = "@workflow\nasync def flow_{}(x: int) -> int:\n    return helper(x) + {}\n\n"
    text = "from continuum import workflow\n\ndef helper(x: int) -> int:\n    return x\n\n"
    begun = time.process_time()
    load(text + "".join(flow.format(number, number) for number in range(100)))
    assert time.process_time() - begun < 2


def test_settings(tmp_path: Path) -> None:
    """The mode is one of three words; trusted names are dotted and come from pyproject.toml."""
    assert check_mode({}) == "warn"
    with pytest.raises(ConfigurationError, match="CONTINUUM_CHECK is warn, error or off"):
        check_mode({"CONTINUUM_CHECK": "loud"})
    project = tmp_path / "pyproject.toml"
    project.write_text("[tool.continuum]\ntrusted = ['acme.prices']\n")
    assert trusted_helpers(tmp_path) == ("acme.prices",)
    for wrong in ("'acme'", "[1]", "['a b']"):
        project.write_text(f"[tool.continuum]\ntrusted = {wrong}\n")
        with pytest.raises(ConfigurationError, match="list of dotted names"):
            trusted_helpers(tmp_path)
