"""Name to workflow and activity, and loading an application by name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any, TypeVar, cast

from continuum.declare.activity import Activity
from continuum.declare.workflow import Workflow
from continuum.errors import ConfigurationError, DefinitionError
from continuum.importing import import_named

AnyWorkflow = Workflow[..., Any]
AnyActivity = Activity[..., Any]
_K = TypeVar("_K")
_T = TypeVar("_T", AnyWorkflow, AnyActivity)


@dataclass(frozen=True, slots=True)
class App:
    """Everything an application declares.

    Attributes:
        workflows: by registered name; of several versions the newest.
        activities: by registered name.
        versions: every workflow, also the older versions.
    """

    workflows: Mapping[str, AnyWorkflow]
    activities: Mapping[str, AnyActivity]
    versions: Sequence[AnyWorkflow]


def resolve_workflows(objects: Iterable[object]) -> dict[str, AnyWorkflow]:
    """Workflows by name; of several versions with one name the newest.

    Raises:
        DefinitionError: something is no workflow, or two have one name and one version.
    """
    found: dict[tuple[str, int], AnyWorkflow] = {}
    for each in objects:
        if not isinstance(each, Workflow):
            raise DefinitionError(f"{each!r:.80} is not a workflow", hint="decorate it: @workflow")
        workflow = cast("AnyWorkflow", each)
        _add(found, (workflow.name, workflow.version), workflow)
    return {name: found[name, version] for name, version in sorted(found)}


def resolve_activities(objects: Iterable[object]) -> dict[str, AnyActivity]:
    """Activities by name.

    Raises:
        DefinitionError: something is no activity, or two have one name.
    """
    found: dict[str, AnyActivity] = {}
    for each in objects:
        if not isinstance(each, Activity):
            raise DefinitionError(f"{each!r:.80} is not an activity", hint="decorate it: @activity")
        activity = cast("AnyActivity", each)
        _add(found, activity.name, activity)
    return found


def load_app(target: str) -> App:
    """Import an application and take its workflows and activities.

    Args:
        target: `module` for everything the module itself defines (not what it imports), or
            `module:name` for one object or a list of them. Modules are looked for in the
            current directory, then in PYTHONPATH.

    Raises:
        ConfigurationError: no such module or name, nothing declared there, or the module raises
            while it is imported; always one line.
        DefinitionError: a wrong declaration, or a name declared twice.
    """
    module_name, _, attribute = target.partition(":")
    if not all(part.isidentifier() for part in module_name.split(".")):
        raise ConfigurationError(
            f"{target!r} is not a module", hint="give module or module:name, without .py"
        )
    module = import_named(module_name)
    objects = _named(module, attribute) if attribute else _defined(module)
    workflows: list[AnyWorkflow] = [each for each in objects if isinstance(each, Workflow)]
    activities: list[AnyActivity] = [each for each in objects if isinstance(each, Activity)]
    if not workflows and not activities:
        raise ConfigurationError(f"{target} declares no workflow and no activity")
    return App(resolve_workflows(workflows), resolve_activities(activities), workflows)


def _add(found: dict[_K, _T], key: _K, declared: _T) -> None:
    other = found.setdefault(key, declared)
    if other is not declared and other.fn is not declared.fn:
        raise DefinitionError(
            f"{declared.name} is declared twice: {other.source} and {declared.source}",
            hint="give one of them another name=, or another version= of a workflow",
        )


def _named(module: ModuleType, attribute: str) -> list[Any]:
    value: Any = module
    for part in attribute.split("."):
        try:
            value = getattr(value, part)
        except AttributeError:
            raise ConfigurationError(f"module {module.__name__} has no {attribute}") from None
    several: bool = isinstance(value, (list, tuple, set, frozenset))
    objects: list[Any] = list(value) if several else [value]  # pyright: ignore[reportUnknownArgumentType]
    for each in objects:
        if not isinstance(each, (Workflow, Activity)):
            raise ConfigurationError(
                f"{module.__name__}:{attribute} is neither workflow nor activity: {each!r:.80}"
            )
    return objects


def _defined(module: ModuleType) -> list[Any]:
    return [
        value
        for value in vars(module).values()
        if isinstance(value, (Workflow, Activity)) and value.fn.__module__ == module.__name__
    ]
