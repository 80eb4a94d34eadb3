"""Modal dialogs. The safe choice has the focus when one opens."""
