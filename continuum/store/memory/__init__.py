"""A store in the memory of one process, for tests: the same protocols, a clock one can set."""
