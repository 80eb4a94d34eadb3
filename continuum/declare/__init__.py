"""Declaring workflows and activities: the decorators, `Retry`, and loading an application."""

from __future__ import annotations

from continuum.declare.activity import Activity, activity
from continuum.declare.registry import App, load_app, resolve_activities, resolve_workflows
from continuum.declare.retry import Retry
from continuum.declare.workflow import Workflow, workflow

__all__ = [
    "Activity",
    "App",
    "Retry",
    "Workflow",
    "activity",
    "load_app",
    "resolve_activities",
    "resolve_workflows",
    "workflow",
]
