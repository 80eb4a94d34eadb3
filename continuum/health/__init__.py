"""One report on the health of a database, which library, command line and console show."""
