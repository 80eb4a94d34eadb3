"""A believable shop to look at: workflows in `shop`, the load that drives them in `load`."""
