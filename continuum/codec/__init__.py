"""How values, failures and attributes are stored: plain JSON, bounded, always restorable."""
