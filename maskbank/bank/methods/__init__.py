"""Transfer methods that read the bank: `score(model, layers, sample, bank, classes, *, options) -> Scores`."""
