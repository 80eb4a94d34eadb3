"""One scenario an effect: its worker dies at every commit boundary, its golden history replays."""
