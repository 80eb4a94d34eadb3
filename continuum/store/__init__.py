"""Where runs live. `protocol` says what any store does; `postgres` is the one for production."""
