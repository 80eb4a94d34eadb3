"""Pure functions from data to styled text: no widgets, no client, no clock of their own."""
