"""Training: one loop, recipes, evaluation."""
