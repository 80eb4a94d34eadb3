"""Operators: who acts on runs, what was done, and plans of what is to be done to many."""
