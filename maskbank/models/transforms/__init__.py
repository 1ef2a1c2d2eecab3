"""Transformations of a backbone at pretraining, in place: `apply(model, **options) -> model`. Folding undoes what it can."""
