"""Can this be deployed, can that branch go, which runs will nobody pick up: answered by proof."""
