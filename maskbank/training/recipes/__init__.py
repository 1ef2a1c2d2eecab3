"""Pretraining recipes, one a file: `recipe(*, options) -> Recipe`."""
