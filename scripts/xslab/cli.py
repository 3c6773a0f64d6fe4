"""The command line of scripts/lab."""

from __future__ import annotations

import argparse
import errno
import signal
import sys

from . import build as builder
from . import packages, run
from .packages import Store
from .paths import BuildError, LabError, UserError, cache_dir, say, source_dir
from .payload import Wish

LAB_BROKE = 125


class Interrupted(Exception):
    """A signal that ends the lab; the machine goes with it."""


def _interrupt(number: int, _frame: object) -> None:
    raise Interrupted(number)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="lab", formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Runs a command in a real Xen guest, on any Linux machine: Xen, dom0 and guest run in QEMU.")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--cache", metavar="DIR", help="where packages, images and snapshots are kept")
    common.add_argument("--src", metavar="DIR", help="the source tree whose modules are built")
    actions = parser.add_subparsers(dest="action", required=True, metavar="fetch|build|run")

    fetch = actions.add_parser("fetch", parents=[common], help="bring the Debian packages into the cache")
    fetch.add_argument("--type", action="append", choices=["pv", "pvh", "hvm"])
    fetch.add_argument("--kernel", default="6.1")
    fetch.set_defaults(call=_fetch)

    build = actions.add_parser("build", parents=[common], help="build the modules for the lab's kernel")
    build.add_argument("--kernel", default="6.1")
    build.set_defaults(call=_build)

    do = actions.add_parser("run", parents=[common], help="run a command in a guest")
    do.add_argument("--type", default="pv", choices=["pv", "pvh", "hvm"])
    do.add_argument("--attach", default="own", choices=["own", "share", "none"])
    do.add_argument("--no-insmod", action="store_true")
    do.add_argument("--modparam", action="append", default=[], metavar="NAME=VALUE")
    do.add_argument("--store", default="xenstored", choices=["xenstored", "oxenstored"])
    do.add_argument("--kernel", default="6.1")
    do.add_argument("--vcpus", type=int, default=1)
    do.add_argument("--memory", type=int, default=128, metavar="MB")
    do.add_argument("--cmdline", default="", metavar="TEXT")
    do.add_argument("--guest-conf", action="append", default=[], metavar="LINE")
    do.add_argument("--add", action="append", default=[], metavar="[NAME=]FILE")
    do.add_argument("--dom0", metavar="COMMAND")
    do.add_argument("--dom0-before", metavar="COMMAND")
    do.add_argument("--dom0-add", action="append", default=[], metavar="[NAME=]FILE")
    do.add_argument("--icount", action="store_true")
    do.add_argument("--timeout", type=float, default=120, metavar="SECONDS")
    do.add_argument("--cold", action="store_true")
    do.add_argument("--quiet", "-q", action="store_true")
    do.add_argument("--verbose", "-v", action="store_true")
    do.add_argument("--events", metavar="FILE")
    do.add_argument("--logs", action="store_true")
    do.add_argument("command", nargs="*", metavar="COMMAND")
    do.set_defaults(call=_run)
    return parser


def _fetch(options: argparse.Namespace) -> int:
    store = Store(cache_dir(options.cache))
    for name in packages.needed(options.type or ["hvm"], options.kernel):
        store.tree(name)
    if not store.fetched_something:
        say("everything is here already")
    return 0


def _build(options: argparse.Namespace) -> int:
    built = builder.build(Store(cache_dir(options.cache)), options.kernel, source_dir(options.src))
    for path in [*built.modules.values(), *built.programs.values()]:
        print(path)
    return 0


def _run(options: argparse.Namespace) -> int:
    if not options.command and not options.dom0:
        raise UserError("nothing to run: give a COMMAND after --, or --dom0 COMMAND")
    wish = Wish(
        type=options.type, attach=options.attach, command=" ".join(options.command) if options.command else None,
        dom0=options.dom0, before=options.dom0_before, insmod=not options.no_insmod, modparams=options.modparam,
        memory=options.memory, vcpus=options.vcpus, cmdline=options.cmdline, guest_conf=options.guest_conf,
        store=options.store, kernel=options.kernel, icount=options.icount, add=options.add,
        dom0_add=options.dom0_add)
    manner = run.Manner(timeout=options.timeout, cold=options.cold, quiet=options.quiet, verbose=options.verbose,
                        events=options.events, show_logs=options.logs)
    return run.Runner(Store(cache_dir(options.cache)), source_dir(options.src), wish, manner).run()


def main(arguments: list[str]) -> int:
    """The exit status of the whole program."""
    options = _parser().parse_args(arguments)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    try:
        return options.call(options)
    except UserError as error:
        say(str(error))
        return 2
    except BuildError as error:
        print(error, file=sys.stderr)
        return 2
    except LabError as error:
        say(f"{error} (exit {LAB_BROKE})")
        return LAB_BROKE
    except Interrupted as error:
        number = error.args[0]
        say(f"interrupted ({signal.Signals(number).name})")
        return 128 + number
    except OSError as error:
        if error.errno == errno.ENOSPC:
            say(f"the disk is full ({error.filename or 'cache or build directory'})")
        else:
            say(f"{error.filename or ''}: {error.strerror or error}")
        return LAB_BROKE
