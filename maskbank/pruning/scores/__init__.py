"""Scores: one pure function a file, `score(model, units, batch) -> {unit: tensor[n]}`."""
