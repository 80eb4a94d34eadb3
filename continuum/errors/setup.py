"""What is wrong before anything runs: settings, database, schema, declared code."""

from __future__ import annotations

from continuum.errors.base import ContinuumError


class ConfigurationError(ContinuumError):
    """An option or setting is wrong or missing."""


class DatabaseUnavailable(ContinuumError):
    """The database cannot be reached."""

    default_hint = "check the DSN, that the server runs and that it accepts your password"


class SchemaError(ContinuumError):
    """The database schema does not fit this release of Continuum."""


class SchemaOutOfDate(SchemaError):
    """The database schema is older than this release."""

    default_hint = "run: continuum migrate"


class SchemaTooNew(SchemaError):
    """The database was migrated by a newer release of Continuum."""

    default_hint = "upgrade continuum-engine on this machine"


class DefinitionError(ContinuumError):
    """A workflow or activity is declared wrongly."""


class PatchNameReused(DefinitionError):
    """A patch has the name of one that was removed."""

    default_hint = "runs may have decided the other one: give this patch a name that never was"


class WorkflowNotFound(ContinuumError):
    """No workflow of that name is loaded."""


class VersionNotFound(ContinuumError):
    """No version has that hash."""


class DeterminismWarning(UserWarning):
    """Workflow code does what a replay could not repeat; `continuum check` tells more."""
