# SPDX-License-Identifier: Apache-2.0
"""Names of a test's own, for one otelcd alone: an /etc/hosts in a mount namespace that goes with it, which may change at any time."""

import os
import subprocess

import pytest

MOUNT = 'mount --bind "$0" /etc/hosts && exec "$@"'


class Names:
    def __init__(self, folder, **names):
        """names: its addresses, in order. A `_` of a name is a dash."""
        self.file = folder / "hosts"
        self.set(**names)
        user = [] if os.getuid() == 0 else ["--user", "--map-root-user"]
        self.command = ["unshare", *user, "--mount", "--propagation", "private", "sh", "-c", MOUNT, str(self.file)]
        if subprocess.run([*self.command, "true"], capture_output=True).returncode != 0:
            pytest.skip("this machine lets nobody have names of its own")

    def set(self, **names):
        lines = [f"{address} {name.replace('_', '-')}\n" for name, addresses in names.items() for address in addresses]
        with open(self.file, "w") as f:  # in place: it is the file that is mounted
            f.write("127.0.0.1 localhost\n" + "".join(lines))
