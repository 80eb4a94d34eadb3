"""What operators do to the runs and tables of a database now and then."""
