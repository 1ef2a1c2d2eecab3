"""What options of sizes may be."""

from maskbank.errors import InputError


def check_sizes(workload: str, least: int = 1, **options: int) -> None:
    """Raises InputError for the first option below `least`."""
    for option, value in options.items():
        if value < least:
            raise InputError(
                f"sparsify.workloads.{workload}.{option} = {value!r}: expected a whole number, {least} or more"
            )


def check_multiple(workload: str, of: int, **options: int) -> None:
    """Raises InputError for the first option that is not a multiple of `of`, or is 0."""
    for option, value in options.items():
        if value < of or value % of:
            key = f"sparsify.workloads.{workload}.{option}"
            raise InputError(f"{key} = {value!r}: expected a multiple of {of}; set {option} to {of}")
