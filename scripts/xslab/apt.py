# SPDX-License-Identifier: GPL-2.0
"""A private apt: Debian packages by name into the cache, without root and without touching the host.

apt checks every package against the signed index, so what is unpacked is what Debian built. The
mirror is the one that the machine's own apt uses, or that XSFRONT_MIRROR names.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import subprocess
from pathlib import Path

from .paths import LabError, locked, say

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
# Suites that get security updates from the other archive.
STABLE_SUITES = ("bullseye", "bookworm", "trixie")


def host_mirrors() -> tuple[str, str]:
    """The main and the security archive that this machine's apt uses."""
    override = os.environ.get("XSFRONT_MIRROR")
    if override:
        return override, os.environ.get("XSFRONT_MIRROR_SECURITY") or override.rstrip("/") + "-security"
    if not shutil.which("apt-get"):
        raise LabError("apt-get is missing: the lab is made of Debian packages")
    listing = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(RELEASE)|$(COMPONENT)|$(REPO_URI)", "Created-By: Packages"],
        capture_output=True, text=True).stdout
    main = security = ""
    for line in listing.splitlines():
        release, component, uri = (line.split("|") + ["", ""])[:3]
        if component != "main":
            continue
        if release in STABLE_SUITES and not main:
            main = uri
        if re.fullmatch(r"(\w+)-security", release) and not security:
            security = uri
    if not main:
        raise LabError("no Debian mirror in this machine's apt sources; name one in XSFRONT_MIRROR")
    return main.rstrip("/"), (security or main.rstrip("/") + "-security").rstrip("/")


class PrivateApt:
    """apt-get and apt-cache with all their state below the cache."""

    def __init__(self, cache: Path, suite: str, arch: str = "amd64") -> None:
        self.suite, self.arch = suite, arch
        self.base = cache / "apt" / f"{suite}-{arch}"
        self.debs = cache / "debs" / f"{suite}-{arch}"
        self.lock = cache / "apt" / f"{suite}-{arch}.lock"
        self.log = self.base / "log"

    def _configure(self) -> None:
        for name in ("etc/apt.conf.d", "etc/preferences.d", "etc/sources.list.d", "etc/trusted.gpg.d",
                     "state/lists/partial", "cache/archives/partial"):
            (self.base / name).mkdir(parents=True, exist_ok=True)
        self.debs.mkdir(parents=True, exist_ok=True)
        (self.base / "status").touch()
        if not Path(KEYRING).exists():
            raise LabError(f"{KEYRING} is missing: install debian-archive-keyring")
        main, security = host_mirrors()
        source = f"deb [signed-by={KEYRING}]"
        lines = [f"{source} {main} {self.suite} main"]
        if self.suite in STABLE_SUITES:
            lines.append(f"{source} {security} {self.suite}-security main")
            lines.append(f"{source} {main} {self.suite}-updates main")
        (self.base / "etc/sources.list").write_text("\n".join(lines) + "\n")

    def _run(self, program: str, *words: str, cwd: Path | None = None) -> str:
        options = {
            "Dir::Etc": self.base / "etc", "Dir::Etc::parts": self.base / "etc/apt.conf.d",
            "Dir::State": self.base / "state", "Dir::State::status": self.base / "status",
            "Dir::Cache": self.base / "cache", "APT::Architecture": self.arch,
            "APT::Architectures::": self.arch, "Debug::NoLocking": "1", "Acquire::Languages": "none",
            "APT::Sandbox::User": "", "Acquire::Retries": "3",
            "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled": "false",
        }
        command = [program, "-qq"]
        for key, value in options.items():
            command += ["-o", f"{key}={value}"]
        done = subprocess.run(command + list(words), cwd=cwd, capture_output=True, text=True,
                              env={**os.environ, "LC_ALL": "C"}, stdin=subprocess.DEVNULL)
        with open(self.log, "a") as log:
            log.write(f"{program} {' '.join(words)}\n{done.stderr}")
        if done.returncode:
            errors = [line for line in done.stderr.splitlines() if line.startswith("E:")]
            reason = errors[0] if errors else f"exit {done.returncode}"
            raise LabError(f"{program} {words[0]} ({self.suite}): {reason} (all of it: {self.log})")
        return done.stdout

    def update(self, again: bool = False) -> None:
        """Fetch the package lists once; `again` fetches them anew (the archive moved on)."""
        self._configure()
        stamp = self.base / "updated"
        if stamp.exists() and not again:
            return
        say(f"fetching the package lists of {self.suite}")
        self._run("apt-get", "update")
        stamp.touch()

    def depends(self, package: str) -> list[str]:
        """Names that a package depends on directly."""
        return re.findall(r"^\s*\|?Depends: (\S+)", self._run("apt-cache", "depends", package), re.M)

    def names(self, start: str) -> list[str]:
        """Names of all packages that begin so."""
        return self._run("apt-cache", "pkgnames", start).split()

    def closure(self, *packages: str) -> list[str]:
        """Names of packages and all they need, from an empty system."""
        plan = self._run("apt-get", "install", "-s", "--no-install-recommends", *packages)
        return re.findall(r"^Inst (\S+)", plan, re.M)

    def download(self, packages: list[str]) -> dict[str, Path]:
        """Bring the packages' files; those that are here already are only looked at."""
        with locked(self.lock):
            try:
                self._run("apt-get", "download", *packages, cwd=self.debs)
            except LabError:
                self.update(again=True)
                self._run("apt-get", "download", *packages, cwd=self.debs)
            shown = self._run("apt-cache", "show", "--no-all-versions", *packages)
        found: dict[str, Path] = {}
        for record in shown.split("\n\n"):
            fields = dict(re.findall(r"^(Package|Version|Architecture): (.*)$", record, re.M))
            if not fields:
                continue
            version = fields["Version"].replace(":", "%3a")
            found[fields["Package"]] = self.debs / f"{fields['Package']}_{version}_{fields['Architecture']}.deb"
        missing = [name for name in packages if name not in found or not found[name].exists()]
        if missing:
            raise LabError(f"apt brought no file for: {' '.join(missing)}")
        return found


def unpack(deb: Path, target: Path) -> None:
    """Unpack a package's files below `target`."""
    done = subprocess.run(["dpkg-deb", "-x", str(deb), str(target)], capture_output=True, text=True,
                          env={**os.environ, "LC_ALL": "C"})
    if done.returncode:
        if os.strerror(errno.ENOSPC) in done.stderr:
            raise OSError(errno.ENOSPC, "", str(target))
        deb.unlink(missing_ok=True)  # a damaged file must not be taken for a good one next time
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[0]
        raise LabError(f"cannot unpack {deb.name}: {reason}")
