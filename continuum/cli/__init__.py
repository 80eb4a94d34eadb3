"""The `continuum` command: only the public client is used, and only what a command needs loads."""
