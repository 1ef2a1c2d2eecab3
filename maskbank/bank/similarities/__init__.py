"""How near stored tasks are to a target: `similarity(model, layers, target, bank, indices) -> [n]`, the higher the nearer."""
