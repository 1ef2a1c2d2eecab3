"""Add to, list, query, merge and verify a mask bank: a folder of masks of one model."""

from argparse import ArgumentParser, Namespace

from maskbank.commands.types import labels, positive


def arguments(parser: ArgumentParser) -> None:
    actions = parser.add_subparsers(title="actions", required=True, metavar="ACTION", dest="action")

    def add(name: str, text: str) -> ArgumentParser:
        action = actions.add_parser(name, help=text, description=text)
        action.add_argument("bank", metavar="BANK", help="folder of the bank")
        return action

    action = add("add", "add the masks that a prune stage left; those that the bank has are not stored again")
    action.add_argument("folder", metavar="FOLDER", help="where the stage left them, such as data/prune")
    action.add_argument("--name", help="only those made for this bank of params prune.banks")
    action.add_argument("--dense", metavar="HASH", help="only those of this checkpoint")
    action = add("list", "list the entries")
    action.add_argument("--json", action="store_true")
    query_arguments(add("query", "list the entries nearest to a target, of those that share no class with it"))
    action = add("merge", "add the entries of other banks of the same model; into a new folder, all become one pack")
    action.add_argument("source", nargs="+", metavar="SOURCE", help="folder of another bank")
    add("verify", "read every byte and check it; exit code 1 where something is torn or altered")


def query_arguments(parser: ArgumentParser) -> None:
    target = parser.add_mutually_exclusive_group(required=True)
    target.add_argument("--entry", metavar="ID", help="a stored task, by the first digits of its id")
    target.add_argument("--classes", type=labels, metavar="LABELS", help="classes of the prepared data, such as 0,2,4")
    parser.add_argument("--count", type=positive, default=8, help="how many (default: %(default)s)")
    parser.add_argument("--images", type=positive, default=100, help="of each class to look at (default: %(default)s)")
    parser.add_argument("--leep", action="store_true", help="order those by LEEP on these images")
    parser.add_argument("--json", action="store_true")


def run(given: Namespace) -> None:
    if given.action == "query":
        from maskbank.commands import querying

        print(querying.query(given))
        return
    from maskbank.commands import banking

    actions = {"add": banking.add, "list": banking.list_entries, "merge": banking.merge, "verify": banking.verify}
    print(actions[given.action](given))
