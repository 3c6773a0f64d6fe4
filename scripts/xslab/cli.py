# SPDX-License-Identifier: GPL-2.0
"""The command line of scripts/lab."""

from __future__ import annotations

import argparse
import errno
import signal
import sys
from typing import Callable, NoReturn

from . import build as builder
from . import debugkernel, extras, packages, platforms, run
from .packages import Store
from .paths import BuildError, LabError, UserError, cache_dir, say, source_dir
from .payload import Wish, split_added
from .verdict import LAB_BROKE

ARCHES = sorted({platform.arch for platform in platforms.PLATFORMS})
XENS = sorted({platform.xen for platform in platforms.PLATFORMS})


class Interrupted(Exception):
    """A signal that ends the lab; the machine goes with it."""


def _interrupt(number: int, _frame: object) -> None:
    raise Interrupted(number)


DESCRIPTION = """\
Runs a command in a real Xen guest, on any Linux machine: a real Xen, a real dom0 and the guest run in an
emulated computer (QEMU). Needs no Xen, no KVM and no root. All that runs in it comes from Debian packages,
unpacked into a cache; nothing is installed on this machine.
"""

EPILOG = """\
examples:
  lab run -- 'uname -a; dmesg | tail'                      the module is inserted, then this runs
  lab run --type pvh --vcpus 2 --attach none -- xenstore-ls
  lab run --dom0 'insmod echo_back.ko; activate.sh $GUEST echo 0' -- 'sleep 2; ls /dev/xsecho0'
  lab run --add ./myprog --quiet -- './myprog --fast' >out.txt

`lab run --help` says what each option does and what the exit statuses mean. doc/lab.md tells the rest.
"""

RUN_DESCRIPTION = """\
COMMAND runs with sh in the guest, in the directory /lab, which holds the modules (xsfront.ko and those of test/),
the programs of test/prog/, and what --add brings. Several words are joined by spaces. busybox, Debian's xenstore-*
and Xen's test-xenstore are at hand. Lines are prefixed with (guest), (dom0) or (xen); the lab's own go to stderr.
"""

RUN_EPILOG = """\
exit status:
  COMMAND's own; if that is 0, the dom0 command's.
  2    wrong use, or the modules do not compile
  122  insmod of xsfront.ko failed, COMMAND was not run
  123  the guest crashed (a panic; also an oops or a warning: guests run with oops=panic and panic_on_warn),
       or a debug kernel reported something
  124  COMMAND did not end within --timeout
  125  the lab and not the command broke; or the guest went away without a verdict
  A pass takes two witnesses: the status on the guest's console, and the hypervisor's reason for the guest's end.

dom0:
  The --dom0 command begins when the guest has been created; $GUEST is its domid. When COMMAND ends, it is ended.
  Without COMMAND, it drives all, and its status is the run's. It makes guests with
    lab-guest start NAME [pv|pvh|hvm] [own|share|none] [-- COMMAND]
                        (other types than --type: pv and pvh; hvm wants --type hvm)
    lab-guest wait NAME | destroy NAME | id NAME | log NAME | save NAME FILE | restore NAME FILE
  wait gives the status of the guest's command, 123 if it crashed, 125 if it went without a verdict.

snapshots:
  The first run of a configuration boots dom0 and a guest and saves both; later runs restore that in a second and give
  the guest its work. With --dom0-before or without COMMAND only dom0 is restored, and guests are made afresh.
  --cold boots all afresh; --icount does so always, so that the same run takes the same (counted) time.

logs:
  build/lab/last/: guest.out (COMMAND's output alone), guest.console (all), dom0.out, dom0.console, dom0.kmsg, xen.log,
  control.log (what happened when), qemu.log. The last 20 runs are kept.

environment: XSFRONT_CACHE, XSFRONT_BUILD, XSFRONT_SRC (other places), XSFRONT_SNAPSHOT_MB (how much snapshots may take,
  4500), XSFRONT_MIRROR and XSFRONT_MIRROR_SECURITY (Debian archives, if apt's own sources name none).
"""


def _count(least: int, most: int) -> Callable[[str], int]:
    """An argparse type: a whole number within bounds."""
    def read(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = least - 1
        if not least <= number <= most:
            raise argparse.ArgumentTypeError(f"{text!r} is not a number from {least} to {most}")
        return number
    return read


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0
    if not 0 < seconds < 1e6:
        raise argparse.ArgumentTypeError(f"{text!r} is no time in seconds")
    return seconds


class _Parser(argparse.ArgumentParser):
    """A wrong use gets one line, not the whole usage."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message} (see {self.prog} --help)\n")


def parser() -> argparse.ArgumentParser:
    top = _Parser(prog="lab", formatter_class=argparse.RawDescriptionHelpFormatter, description=DESCRIPTION,
                  epilog=EPILOG)
    common = _Parser(add_help=False)
    common.add_argument("--cache", metavar="DIR", help="where packages, images and snapshots are kept (default .cache)")
    common.add_argument("--src", metavar="DIR", help="the source tree whose modules are built (default: this one)")
    common.add_argument("--kernel", default="6.1", choices=debugkernel.names(), metavar="NAME",
                        help=f"the guest's kernel: {', '.join(debugkernel.names())} (default 6.1)")
    common.add_argument("--arch", default=platforms.USUAL.arch, choices=ARCHES, help="the machine (default amd64)")
    common.add_argument("--xen", default=platforms.USUAL.xen, choices=XENS, metavar="VERSION",
                        help=f"the hypervisor and the dom0 that goes with it: {', '.join(XENS)} (default 4.17)")
    actions = top.add_subparsers(dest="action", required=True, metavar="fetch|build|build-kernel|run")

    fetch = actions.add_parser("fetch", parents=[common], help="bring the Debian packages into the cache",
                               description="Brings the Debian packages into the cache, once; "
                                           "`lab run` does so by itself.")
    fetch.add_argument("--type", action="append", choices=platforms.USUAL.types,
                       help="only what this guest type needs (default: all)")
    fetch.set_defaults(call=_fetch)

    build = actions.add_parser("build", parents=[common], help="build the modules for the lab's kernel",
                               description="Builds the modules against the fetched headers and prints where they are; "
                                           "`lab run` does so by itself.")
    build.set_defaults(call=_build)

    debug = actions.add_parser("build-kernel", help="build a debug kernel for guests",
                               description="Builds a debug kernel out of Debian's kernel source into the cache, once; "
                                           "`lab run --kernel NAME` does so by itself. doc/lab.md says what is in it.")
    debug.add_argument("--cache", metavar="DIR", help="where kernels are kept (default .cache)")
    debug.add_argument("name", choices=list(debugkernel.DEBUG_KERNELS), metavar="NAME",
                       help=", ".join(debugkernel.DEBUG_KERNELS))
    debug.set_defaults(call=_build_kernel)

    do = actions.add_parser("run", parents=[common], help="run a command in a guest",
                            formatter_class=argparse.RawDescriptionHelpFormatter,
                            usage="lab run [options] -- COMMAND", description=RUN_DESCRIPTION, epilog=RUN_EPILOG)
    guest = do.add_argument_group("the guest")
    guest.add_argument("--type", choices=platforms.USUAL.types, help="how Xen runs it (default pv; pvh on Arm)")
    guest.add_argument("--attach", default="own", choices=["own", "share", "none"],
                       help="own: the kernel's xenbus is kept down and xsfront.ko inserted (default); "
                            "share: a stock guest, xsfront.ko inserted; none: a stock guest, xsfront.ko at hand")
    guest.add_argument("--no-insmod", action="store_true", help="do not insert xsfront.ko")
    guest.add_argument("--modparam", action="append", default=[], metavar="NAME=VALUE",
                       help="a parameter for xsfront.ko")
    guest.add_argument("--vcpus", type=_count(1, 8), default=1, metavar="N", help="virtual CPUs (default 1)")
    guest.add_argument("--memory", type=_count(96, 2048), metavar="MB",
                       help="memory (default 128, on Arm 192, of a debug kernel what it needs)")
    guest.add_argument("--cmdline", default="", metavar="TEXT", help="more for its kernel command line")
    guest.add_argument("--guest-conf", action="append", default=[], metavar="LINE", help="a line more in its xl config")
    guest.add_argument("--add", action="append", default=[], metavar="[NAME=]FILE",
                       help="a file or folder for its working directory; programs bring the libraries they need")
    guest.add_argument("--with", action="append", default=[], dest="extras", choices=sorted(extras.EXTRAS),
                       metavar="NAME", help="programs beyond the image: python (python3 with pyxs)")
    guest.add_argument("--modules", action="append", default=[], choices=builder.ON_REQUEST, metavar="FOLDER",
                       help=f"modules that go along on request: {', '.join(builder.ON_REQUEST)} (of test/)")
    dom0 = do.add_argument_group("dom0")
    dom0.add_argument("--dom0", metavar="COMMAND", help="runs in dom0 beside the guest's command")
    dom0.add_argument("--dom0-before", metavar="COMMAND", help="runs in dom0 before the guest is made")
    dom0.add_argument("--dom0-add", action="append", default=[], metavar="[NAME=]FILE", help="like --add, for dom0")
    dom0.add_argument("--saved", action="store_true", help="it has room for a file that the guest is saved to")
    dom0.add_argument("--store", default="xenstored", choices=["xenstored", "oxenstored"], help="the XenStore server")
    how = do.add_argument_group("how")
    how.add_argument("--timeout", type=_seconds, default=120, metavar="SECONDS",
                     help="for COMMAND, from when the guest is about to run it (default 120); "
                          "booting has its own limits")
    how.add_argument("--icount", action="store_true",
                     help="time counts instructions, and repeats exactly; about half as fast")
    how.add_argument("--cold", action="store_true", help="boot afresh, use no snapshot")
    how.add_argument("--quiet", "-q", action="store_true", help="COMMAND's own output alone, byte for byte")
    how.add_argument("--verbose", "-v", action="store_true", help="kernels' and Xen's lines, too")
    how.add_argument("--events", metavar="FILE",
                     help="every line as JSON: t (seconds since the guest was made), who, kind, line")
    how.add_argument("--logs", action="store_true", help="say where the logs are, at the end")
    do.add_argument("command", nargs="*", metavar="COMMAND", help=argparse.SUPPRESS)
    do.set_defaults(call=_run)
    return top


def _store(options: argparse.Namespace) -> Store:
    return Store(cache_dir(options.cache), platforms.chosen(options.arch, options.xen))


def _fetch(options: argparse.Namespace) -> int:
    store = _store(options)
    usual = store.platform == platforms.USUAL
    types = options.type or store.platform.types
    for name in packages.needed(types, debugkernel.stock_kernels(store.platform.dom0, options.kernel)):
        store.tree(name)
    for name in sorted(extras.EXTRAS) if usual and not options.type else []:
        store.tree(name)
    if not store.fetched_something:
        say("everything is here already")
    return 0


def _build(options: argparse.Namespace) -> int:
    built = builder.build(_store(options), options.kernel, source_dir(options.src))
    for path in [*built.modules.values(), *built.programs.values()]:
        print(path)
    return 0


def _build_kernel(options: argparse.Namespace) -> int:
    print(debugkernel.obtain(Store(cache_dir(options.cache)), debugkernel.DEBUG_KERNELS[options.name]).bzimage)
    return 0


def _run(options: argparse.Namespace) -> int:
    if not options.command and not options.dom0:
        raise UserError("nothing to run: give a COMMAND after --, or --dom0 COMMAND")
    for added in options.add + options.dom0_add:
        split_added(added)  # a wrong name is told before anything is built
    for line in [options.cmdline, *options.modparam, *options.guest_conf]:
        if "\n" in line:
            raise UserError(f"{line!r}: one line only")
    store = _store(options)
    kind = options.type or store.platform.types[0]
    debugkernel.check_wish(options.kernel, kind)
    store.platform.check_wish(kind, options.kernel, options.extras)
    debug = debugkernel.DEBUG_KERNELS.get(options.kernel)
    wish = Wish(
        type=kind, attach=options.attach, command=" ".join(options.command) if options.command else None,
        dom0=options.dom0, before=options.dom0_before, insmod=not options.no_insmod, modparams=options.modparam,
        memory=options.memory or (debug or store.platform).memory, vcpus=options.vcpus, cmdline=options.cmdline,
        guest_conf=options.guest_conf, store=options.store, kernel=options.kernel,
        kernel_cmdline=debug.cmdline if debug else "", icount=options.icount, saved=options.saved,
        modules=options.modules, add=options.add, extras=sorted(set(options.extras)), dom0_add=options.dom0_add)
    manner = run.Manner(timeout=options.timeout, cold=options.cold, quiet=options.quiet, verbose=options.verbose,
                        events=options.events, show_logs=options.logs)
    return run.Runner(store, source_dir(options.src), wish, manner).run()


def main(arguments: list[str]) -> int:
    """The exit status of the whole program."""
    options = parser().parse_args(arguments)
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
