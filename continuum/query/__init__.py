"""The query language: own tree, allow-listed fields, structured form, SQL, cursors."""
