"""What every store must do, whichever it is: memory, and PostgreSQL on each server found."""
