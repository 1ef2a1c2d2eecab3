"""One-shot compressors of whole models: `compress(model, budget) -> Compressed`, the model changed in place."""
