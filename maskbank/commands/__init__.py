"""The commands of `maskbank`, one file each: `arguments(parser)` and `run(given)`, which imports what it needs when it runs."""
