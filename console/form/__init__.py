"""The query form without its widgets: a query as rows, what edits do to them, what a cell takes."""
