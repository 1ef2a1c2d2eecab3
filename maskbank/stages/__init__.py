"""The stages of the pipeline, one file each, found by folder.

AFTER: the stage that it comes behind. Where there are cells: their spec, `plan(params, state)`, `work(spec, facts)` (what one
costs) and `run(cell, runtime)`; all of them are run, unless `execute(params)` says what `dvc repro` does instead. Where it
has params of its own: SECTION and `check(params)`. Params are validated and cells planned without torch: what computes is
imported where it is used.
"""
