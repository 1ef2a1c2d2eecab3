"""Tables of the report, a file each, found by its name."""
