"""One-shot compressors of whole nets: `compress(model, budget) -> Compressed`, the model changed in place."""
