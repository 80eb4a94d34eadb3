"""`python -m continuum.cli` is the `continuum` command."""

from __future__ import annotations

from continuum.cli.main import main

if __name__ == "__main__":
    main()
