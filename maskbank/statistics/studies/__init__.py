"""Studies: one question put to the records each, a file a study, found by its name."""
