# SPDX-License-Identifier: Apache-2.0
"""A disk that fills: a small tmpfs which only one otelcd has, in a mount namespace of its own that goes with it."""

import ctypes
import os
import pathlib
import subprocess

import pytest

CLONE_NEWNS, CLONE_NEWUSER = 0x00020000, 0x10000000
MS_REC, MS_PRIVATE = 0x4000, 0x40000
libc = ctypes.CDLL(None, use_errno=True)


def checked(rc):
    if rc != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


def unshare():
    """A mount namespace; where that is not allowed, one inside a user namespace whose root we are."""
    try:
        checked(libc.unshare(CLONE_NEWNS))
    except PermissionError:
        ids = {"uid_map": os.getuid(), "gid_map": os.getgid()}
        checked(libc.unshare(CLONE_NEWUSER | CLONE_NEWNS))
        pathlib.Path("/proc/self/setgroups").write_text("deny")
        for name, own in ids.items():
            pathlib.Path(f"/proc/self/{name}").write_text(f"0 {own} 1")


class SmallDisk:
    def __init__(self, folder, size):
        self.folder, self.options = pathlib.Path(folder), f"size={size}".encode()
        self.folder.mkdir()
        try:
            subprocess.run(["true"], preexec_fn=self.mount, check=True)
        except subprocess.SubprocessError:
            pytest.skip("this machine lets nobody mount a small disk")

    def mount(self):
        """In the child, before it executes otelcd."""
        unshare()
        checked(libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None))
        checked(libc.mount(b"tmpfs", os.fsencode(self.folder), b"tmpfs", 0, self.options))

    def seen_from(self, daemon):
        """The disk's folder, as the rest of the world reaches it."""
        return pathlib.Path(f"/proc/{daemon.process.pid}/root{self.folder}")
