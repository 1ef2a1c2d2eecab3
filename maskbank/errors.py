"""The two ways in which a command ends badly."""


class InputError(ValueError):
    """What the user gave cannot be used. One line: key, value, what is allowed, what to do. Exit code 2."""


class WorkError(RuntimeError):
    """The work failed, or a check does not hold. Exit code 1."""
