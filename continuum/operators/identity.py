"""Who the operator is: named by argument or environment, else the user of this machine."""

from __future__ import annotations

import getpass
import os
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from continuum.codec.attributes import check_name
from continuum.operators.acts import Operator

OPERATOR_VARIABLE: Final = "CONTINUUM_OPERATOR"


def named_operator(given: str | None, environ: Mapping[str, str] | None = None) -> str | None:
    """The name that was given or that the environment has; None: nobody was named.

    Raises:
        PayloadError: not 1 to 255 characters of text.
    """
    environ = os.environ if environ is None else environ
    name = given if given is not None else environ.get(OPERATOR_VARIABLE) or None
    return None if name is None else check_name(name, "operator")


def local_user() -> str:
    """The user of this process and the machine, as `ann@db1`."""
    try:
        user = getpass.getuser()
    except (ImportError, KeyError, OSError):  # a container's user that has no name
        user = f"uid {os.getuid()}"
    return f"{user}@{socket.gethostname()}"


def operator_here(name: str) -> Operator:
    """`name`, acting from this process."""
    return Operator(name, socket.gethostname(), Path(sys.argv[0]).name or "python")
