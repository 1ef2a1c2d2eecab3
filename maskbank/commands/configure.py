"""Write a validated params.yaml from a profile."""

from argparse import ArgumentParser, Namespace

from maskbank.params import profile_names, profile_params, write_params


def arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--profile", required=True, metavar="NAME", help=", ".join(profile_names()))
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="such as tasks.ways=5; may be repeated"
    )


def run(given: Namespace) -> None:
    write_params(profile_params(given.profile, given.set))
    print(f"params.yaml: profile {given.profile}{', ' + ', '.join(given.set) if given.set else ''}")
