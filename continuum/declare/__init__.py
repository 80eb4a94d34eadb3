"""Declaring workflows and activities: the decorators, `Retry`, and loading an application."""
