# SPDX-License-Identifier: Apache-2.0
"""Processes that keep a CPU busy under a name of the test's choice, any bytes."""

import os
import signal
import subprocess
import tempfile


class Burner:
    """A busy loop whose comm is the name (15 bytes of it), in a with statement."""

    def __init__(self, name="jk-burner"):
        self.folder = tempfile.TemporaryDirectory(prefix="joulekeeper-test-")
        script = os.path.join(os.fsencode(self.folder.name), os.fsencode(name))
        with open(script, "wb") as file:
            file.write(b"#!/bin/sh\nwhile :; do :; done\n")
        os.chmod(script, 0o755)
        self.process = subprocess.Popen([script])

    @property
    def pid(self):
        return self.process.pid

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.folder.cleanup()
