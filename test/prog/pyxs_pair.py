# SPDX-License-Identifier: GPL-2.0
"""Two processes at once on /dev/xen/xenbus through pyxs: each watches what the other writes.

Prints TAP lines for `tap` of test/lab/lib.sh. Client.monitor() of pyxs refuses a device node, since
"XenBus does not obey XenStore protocol specification", which is true of the kernel's own; so its
Monitor is made here directly.
"""

import copy
import errno
import os
import signal
import sys
import threading

from pyxs import Client, Monitor, PyXSError

NODE = "/dev/xen/xenbus"
HERE = b"data/pyxs"
CHANGES = 100
TURNS = 20
PATIENCE = 100  # seconds for one process


class Half:
    """One of the two processes."""

    def __init__(self, me, other):
        self.me = me
        self.mine, self.others = HERE + b"/" + me.encode(), HERE + b"/" + other.encode()
        self.token = b"token of " + me.encode()
        self.bad = 0
        self.client = Client(xen_bus_path=NODE)

    def check(self, good, text):
        os.write(1, f"{'ok' if good else 'not ok'} - {self.me}: {text}\n".encode())
        self.bad += not good

    def error_of(self, call, *arguments):
        try:
            call(*arguments)
        except PyXSError as error:
            return error.args[0]
        return 0

    def basics(self):
        c, path = self.client, self.mine + b"-basics"
        c.write(path + b"/a", b"1")
        c[path + b"/b"] = b"two words"
        c.mkdir(path + b"/c")
        self.check((c.read(path + b"/a"), c[path + b"/b"]) == (b"1", b"two words"),
                   "reads what it wrote")
        self.check(c.read(path + b"/c") == b"", "reads an empty node")
        self.check(sorted(c.list(path)) == [b"a", b"b", b"c"], "lists")
        self.check(c.exists(path + b"/c") and not c.exists(path + b"/d"), "knows what exists")
        self.check(self.error_of(c.read, path + b"/d") == errno.ENOENT, "ENOENT")
        self.check(self.error_of(c.write, b"name", b"x") == errno.EACCES, "EACCES")
        domid = c.read(b"domid")
        self.check(c.get_domain_path(int(domid)) == b"/local/domain/" + domid, "its home")
        c.set_perms(path + b"/a", [b"n" + domid, b"r0"])
        self.check(c.get_perms(path + b"/a") == [b"n" + domid, b"r0"], "permissions")
        c.write(path + b"/big", b"v" * 1900)
        self.check(c.read(path + b"/big") == b"v" * 1900, "1900 bytes")
        c.delete(path)
        self.check(not c.exists(path), "removes a tree")

    def transactions(self):
        c, path = copy.copy(self.client), self.mine + b"-tx"
        c.transaction()
        c.write(path, b"x")
        self.check(c.read(path) == b"x" and not self.client.exists(path),
                   "a write in a transaction is seen there only")
        c.rollback()
        self.check(not self.client.exists(path), "rolled back")
        again = 0
        for _ in range(TURNS):
            while True:
                c.transaction()
                c.write(HERE + b"/count", b"%d" % (int(c.read(HERE + b"/count")) + 1))
                if c.commit():
                    break
                again += 1
        self.check(True, f"{TURNS} transactions on one counter, {again} run again")

    def change(self):
        for n in range(CHANGES):
            self.client.write(self.mine + b"/%d" % n, b"%s %d" % (self.me.encode(), n))

    def watch(self, monitor, ready):
        monitor.watch(self.others, self.token)
        events = monitor.wait()
        self.check(next(events).path == self.others, "first event")
        ready()
        writer = threading.Thread(target=self.change)
        writer.start()
        seen, wrong, count = set(), 0, 0
        for event in events:
            name = event.path[len(self.others) + 1:]
            want = b"%s %s" % (self.others.rsplit(b"/", 1)[1], name)
            wrong += self.client.read(event.path) != want or event.token != self.token
            seen.add(name)
            count += 1
            if len(seen) == CHANGES:
                break
        writer.join()
        self.check(wrong == 0, "each event names a change that is there")
        self.check(count == CHANGES,
                   f"{CHANGES} changes of the other are told, each once ({count})")
        monitor.unwatch(self.others, self.token)
        self.check(not monitor.watched, "unwatch")

    def run(self, ready):
        with self.client:
            self.basics()
            self.watch(Monitor(copy.copy(self.client)), ready)
            self.transactions()
        self.check(not self.client.router.is_connected, "closed")
        return self.bad


def start(me, other, tell, hear):
    """A process of its own; the two wait for each other through pipes before they write."""
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        signal.alarm(PATIENCE)
        status = Half(me, other).run(lambda: os.write(tell, b"x") and os.read(hear, 1)) != 0
    except BaseException as error:  # it is told, whatever it is
        os.write(1, f"not ok - {me}: {error!r}\n".encode())
    finally:
        os._exit(status)


def main():
    with Client(xen_bus_path=NODE) as client:
        client.write(HERE + b"/count", b"0")
        client.mkdir(HERE + b"/a")
        client.mkdir(HERE + b"/b")
    from_a, to_b = os.pipe()
    from_b, to_a = os.pipe()
    children = {"a": start("a", "b", to_b, from_b), "b": start("b", "a", to_a, from_a)}
    bad = 0
    for name, pid in children.items():
        status = os.waitpid(pid, 0)[1]
        if status:
            os.write(1, f"not ok - {name} has ended with {status}\n".encode())
            bad += 1
    with Client(xen_bus_path=NODE) as client:
        count = int(client.read(HERE + b"/count"))
    good = count == 2 * TURNS
    print(f"{'ok' if good else 'not ok'} - the counter has all turns of both ({count})")
    return bool(bad or not good)


sys.exit(main())
