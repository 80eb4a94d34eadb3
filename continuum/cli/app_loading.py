"""`--app`, and finding a workflow by the name that was typed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from continuum.cli.failures import UsageError
from continuum.errors import WorkflowNotFound

if TYPE_CHECKING:
    from continuum.declare.registry import AnyWorkflow, App


def load(target: str) -> App:
    """Import the application from the current directory or PYTHONPATH.

    Args:
        target: `module` for everything it defines, or `module:name` for one object or list.

    Raises:
        ConfigurationError: it cannot be imported; names the line that failed.
        DefinitionError: it declares something wrongly.
    """
    from continuum.declare.registry import load_app

    return load_app(target)


def require(target: str | None, command: str) -> App:
    """The application, for commands that cannot do without."""
    if target is None:
        raise UsageError(
            f"continuum {command} needs --app", hint="for example: --app shop, or --app shop:flows"
        )
    return load(target)


def find_workflow(app: App, typed: str) -> AnyWorkflow:
    """The workflow that was meant by its registered name, `module:qualname`, or bare name.

    Raises:
        WorkflowNotFound: no or several workflows are called so.
    """
    if typed in app.workflows:
        return app.workflows[typed]
    flows = list(app.workflows.values())
    qualified = [flow for flow in flows if f"{flow.fn.__module__}:{flow.fn.__qualname__}" == typed]
    fitting = qualified or [flow for flow in flows if flow.fn.__name__ == typed]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        raise WorkflowNotFound(
            f"several workflows are called {typed}",
            hint=f"use one of {', '.join(flow.name for flow in fitting)}",
        )
    from difflib import get_close_matches

    near = get_close_matches(typed, [*app.workflows, *(flow.fn.__name__ for flow in flows)], n=1)
    hint = f"did you mean {near[0]}?" if near else f"loaded are: {', '.join(app.workflows)}"
    raise WorkflowNotFound(f"--app has no workflow {typed}", hint=hint)
