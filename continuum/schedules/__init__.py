"""Schedules: when runs start by themselves, and what is decided when one is due."""
