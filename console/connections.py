"""Databases that this console can look at: how they are opened, by option or by profile."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches

from console.session import Session
from console.shelf import Shelf
from console.source import ClientSource
from console.themes import DEFAULT_THEME
from continuum import Continuum, PayloadSealed
from continuum.declare.registry import AnyWorkflow
from continuum.errors import ConfigurationError, ContinuumError
from continuum.profiles import Profile, profile_codec, profiles_file, read_profiles


@dataclass(frozen=True, slots=True)
class Opened:
    """A database that answers.

    Attributes:
        session: over it; whoever has it closes it.
        theme: of the console as long as it looks there.
        sealed: why the session may only look, when nobody said so and its role may write.
    """

    session: Session
    theme: str
    sealed: str | None = None


@dataclass(frozen=True, slots=True)
class Connections:
    """What every database has in common that one console opens.

    Args:
        flows: the code that is loaded.
        read_only: refuse every change, whatever a profile says.
        theme: where a profile names none.
        shelf: the saved views.
    """

    flows: Sequence[AnyWorkflow] | None = None
    read_only: bool = False
    theme: str = DEFAULT_THEME
    shelf: Shelf = field(default_factory=Shelf)

    def profiles(self) -> Mapping[str, Profile]:
        """Those that can be gone to, by name.

        Raises:
            ConfigurationError: their file cannot be read or understood, or has none.
        """
        path = profiles_file()
        found = read_profiles(path)
        if not found:
            raise ConfigurationError(f"there are no profiles in {path}")
        return found

    def named(self, name: str) -> Profile:
        """The profile of this name.

        Raises:
            ConfigurationError: there is none; says the nearest one.
        """
        found = self.profiles()
        if name not in found:
            near = get_close_matches(name, found, n=1, cutoff=0.5)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(found)}"
            raise ConfigurationError(f"no profile {name}: {hint}")
        return found[name]

    def names(self) -> Sequence[str]:
        """Names of profiles, to complete what is typed; none where they cannot be read."""
        try:
            return list(self.profiles())
        except ContinuumError:
            return ()

    async def open(self, profile: Profile | None = None, dsn: str | None = None) -> Opened:
        """Connect.

        Args:
            profile: of the database.
            dsn: without a profile; None is the default one.

        Raises:
            ContinuumError: it does not answer, is not migrated, or its codec cannot be loaded.
        """
        named = Continuum(dsn)
        if profile is not None:
            named = Continuum(
                profile.dsn,
                codec=profile_codec(profile),
                direct_dsn=profile.direct_dsn,
                read_dsn=profile.read_dsn,
            )
        client = await named.__aenter__()
        try:
            return await self._opened(client, profile)
        except BaseException:
            await client.__aexit__(None, None, None)
            raise

    async def _opened(self, client: Continuum, profile: Profile | None) -> Opened:
        sealed = await _sealed(client)
        server = await client.server()
        forbidden = self.read_only or (profile is not None and profile.read_only)
        session = Session(
            ClientSource(client, self.flows),
            (profile and profile.namespace) or "default",
            read_only=forbidden or server.read_only or sealed is not None,
            danger=profile is not None and profile.danger,
            shelf=self.shelf,
            profile=None if profile is None else profile.name,
            profiles=self.names,
            close=lambda: client.__aexit__(None, None, None),
        )
        theme = (profile and profile.theme) or self.theme
        return Opened(session, theme, None if forbidden else sealed)


async def _sealed(client: Continuum) -> str | None:
    """What a session here would write, workers with another codec could not read."""
    try:
        await client.check_codec()
    except PayloadSealed as error:
        return str(error)
    return None
