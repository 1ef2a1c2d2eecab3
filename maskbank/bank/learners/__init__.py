"""Mask learners: `make(model, layers, batches, cost, *, budget..., options) -> Learned` on a frozen backbone."""
