"""What `--profile` means for a command."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from continuum.cli.command import Options, note
from continuum.cli.failures import UsageError
from continuum.settings import PROFILE_VARIABLE


def with_profile(options: Options, writing: Mapping[str, Any] | None) -> Options:
    """The options with what the chosen profile says.

    Args:
        options: as given.
        writing: the command's own options, if it is one that changes something.

    Raises:
        ConfigurationError: there is no such profile, or its file means nothing.
        UsageError: the profile is read-only, and the command would write.
    """
    if options.profile is None and not os.environ.get(PROFILE_VARIABLE):
        return options  # and the file is never looked at
    from continuum.profiles import chosen_profile

    profile = chosen_profile(options.profile, options.dsn)
    if profile is None:
        return options
    if writing is not None and _would_write(writing):
        if profile.read_only:
            raise UsageError(
                f"profile {profile.name} is read-only: nothing was changed",
                hint="use another profile, or --dsn",
            )
        if profile.danger:
            note(f"profile {profile.name} is marked danger")
    return replace(
        options,
        profile=profile.name,
        dsn=profile.dsn,
        direct_dsn=profile.direct_dsn,
        read_dsn=profile.read_dsn,
        home=profile.namespace,
        codec=profile.codec,
    )


def _would_write(given: Mapping[str, Any]) -> bool:
    """Whether the command does more than look, with these options of its own."""
    if given.get("dry_run") or given.get("sql") or given.get("status"):
        return False
    if "require" in given and given["require"] is None:
        return False
    if given.get("execute", True):
        return True
    return "runs" in given and given["where"] is None  # named one by one, which needs no --execute
