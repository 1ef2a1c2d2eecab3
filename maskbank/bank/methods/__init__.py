"""Transfer methods that know the target task: `score(model, layers, target, bank, *, options) -> Scores`.

A method is given what its entry function names: `sample`, `target`, `bank`. A control names in CONTROL_OF the method that it
varies, and takes that one's options.
"""
