# SPDX-License-Identifier: Apache-2.0
"""A disk that fills: a small tmpfs which only one otelcd has, in a mount namespace of its own that goes with it."""

import os
import pathlib
import subprocess

import pytest

MOUNT = 'mount -t tmpfs -o size="$1" none "$0" && shift && exec "$@"'


class SmallDisk:
    def __init__(self, folder, size):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir()
        # A mount namespace; where that is not allowed, one inside a user namespace whose root we are.
        user = [] if os.getuid() == 0 else ["--user", "--map-root-user"]
        self.command = ["unshare", *user, "--mount", "--propagation", "private", "sh", "-c", MOUNT, str(self.folder), str(size)]
        if subprocess.run([*self.command, "true"], capture_output=True).returncode != 0:
            pytest.skip("this machine lets nobody mount a small disk")

    def seen_from(self, daemon):
        """The disk's folder, as the rest of the world reaches it."""
        return pathlib.Path(f"/proc/{daemon.process.pid}/root{self.folder}")
