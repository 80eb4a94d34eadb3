"""What the Run screen shows beside the facts: one pane a tab."""
