"""One snapshot of the registry and the live set, beside the code that is audited."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from uuid import UUID

from continuum.audit.loaded import LoadedApplication, LoadedCode
from continuum.store.auditing import AuditFacts


class View:
    """One snapshot, ordered by version.

    Attributes:
        app: the code, if some was given.
        live: version id to the number of its live runs.
        known: version id to what the registry says.
        nodes: version id to the live nodes that can run it.
        runnable: versions that the code, or else some live node, can run.
        blocked, quarantined: live runs that drifted, and that nobody claims any more.
    """

    def __init__(self, facts: AuditFacts, app: LoadedApplication | None) -> None:
        self.app = app
        self.facts = facts
        self.known = {each.version_id: each for each in facts.versions}
        self.live = Counter[int]()
        self.blocked = self.quarantined = 0
        for group in facts.groups:
            self.live[group.version_id] += group.runs
            self.blocked += group.blocked
            self.quarantined += group.quarantined
        self.nodes: dict[int, list[UUID]] = {}
        for node in facts.nodes:
            for version_id in node.version_ids if node.alive else ():
                self.nodes.setdefault(version_id, []).append(node.id)
        self.runnable = frozenset(self.nodes) if app is None else app.ids

    @property
    def workflows(self) -> set[str]:
        """Names of all that is registered or loaded."""
        names = {each.pin.workflow for each in self.facts.versions}
        return names if self.app is None else names | self.app.names

    def needed(self) -> dict[str, frozenset[int]]:
        """By workflow, the versions with live runs that need some patch not taken."""
        found: dict[str, frozenset[int]] = {}
        for code in self.app.codes if self.app else ():
            for patch in code.patches:
                ids = self.needing(code, patch)
                found[code.flow.name] = found.get(code.flow.name, frozenset()) | ids
        return found

    def needing(self, code: LoadedCode, patch: str) -> frozenset[int]:
        """The versions with live runs that need the code before a patch."""
        assert self.app is not None
        return self.app.needs_untaken(code, patch) & self.live.keys()

    def changed(self) -> list[int]:
        """The versions with live runs whose values other code restores by other types."""
        changed = [each.version_id for each in self.facts.versions if each.codec_changes]
        return sorted(each for each in changed if self.live[each])

    def count(self, version_ids: Iterable[int]) -> int:
        """How many live runs have these versions."""
        return sum(self.live[each] for each in version_ids)

    def expired(self, ttls: float) -> int:
        """Live runs whose owner has been gone for more than so many TTLs."""
        owners = set(self.gone(ttls))
        return sum(group.runs for group in self.facts.groups if group.owner in owners)

    def gone(self, ttls: float) -> list[UUID]:
        """Owners of live runs that have been gone for more than so many TTLs.

        An owner without a node row never comes back, and nobody can tell since when.
        """
        nodes = {node.id: node for node in self.facts.nodes}
        found: set[UUID] = set()
        for group in self.facts.groups:
            if group.owner is None:
                continue
            node = nodes.get(group.owner)
            if node is None or (not node.alive and node.expired_for > ttls * node.ttl):
                found.add(group.owner)
        return sorted(found)
