"""Sparse-training methods: `train(trainer, budget, allocation, steps, *, options)`; all take the same total steps."""
