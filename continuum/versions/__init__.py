"""What code a run is bound to: version hashes, runtime tag, build fingerprint."""

from __future__ import annotations

from continuum.versions.build import build_fingerprint
from continuum.versions.hashing import version_hash
from continuum.versions.runtime import LOOP_SEMANTICS, runtime_tag

__all__ = ["LOOP_SEMANTICS", "build_fingerprint", "runtime_tag", "version_hash"]
