"""Scores, one a file: `score(model, layers, sample) -> {layer: [count]}`, and `saliency` where it is of single weights."""
