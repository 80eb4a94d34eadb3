"""`make bench-query`: a fixed set of questions put to a database of realistic runs.

`shape` makes the runs, `load` brings them into a PostgreSQL 18 that is kept for the next time,
`cases` are the questions, `measure` puts them to us and to a naive statement, `peer` puts the
same ones to DBOS on its own tables.
"""
