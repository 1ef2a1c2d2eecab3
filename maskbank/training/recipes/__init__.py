"""Pretraining recipes, one a file: `prepare(parameters, lr) -> Optimizer`; PARALLEL above 1 trains the S2P form."""
