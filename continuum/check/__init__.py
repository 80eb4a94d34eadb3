"""The determinism check: finds in workflow code what a replay could not repeat.

It reads source and imports nothing of it. `rules` says what is forbidden, `forbidden` by which
names, `modules` finds the application's files, `names` and `values` say what an expression means,
`scan` walks workflow functions and the helpers they reach, `report` prints.
"""
