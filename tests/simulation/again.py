"""Repeats one example of the simulation: `python -m tests.simulation.again '<json>'`."""

from __future__ import annotations

import json
import sys

from tests.simulation.programs import Example
from tests.simulation.properties import check

if __name__ == "__main__":
    example = Example.from_json(json.loads(sys.argv[1]))
    check(example)
    print("this example holds")
