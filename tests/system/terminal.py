# SPDX-License-Identifier: Apache-2.0
"""A terminal to run the program in: tmux, on a server of its own, and what stands on its screen."""

import contextlib
import os
import shlex
import shutil
import subprocess
import time

from support import Skip, wait_until


class Terminal:
    """A shell in a terminal of a given size and kind, in a with statement."""

    serial = 0

    def __init__(self, width=120, height=40, term="screen-256color", locale="C.UTF-8"):
        if not shutil.which("tmux"):
            raise Skip("tmux is not installed")
        Terminal.serial += 1
        self.socket = f"jk-{os.getpid()}-{Terminal.serial}"
        environment = {**os.environ, "LC_ALL": "C.UTF-8"}
        environment.pop("TMUX", None)
        # The shell's own locale is the one under test; tmux itself must speak UTF-8.
        shell = f"env TERM={term} LC_ALL={locale} PS1='prompt> ' bash --norc --noprofile -i"
        subprocess.run(
            ["tmux", "-L", self.socket, "-f", "/dev/null", "-u", "new-session", "-d", "-s", "t",
             "-x", str(width), "-y", str(height), shell],
            env=environment, check=True, timeout=20)
        try:
            self.shows("prompt>")
        except AssertionError:
            self.__exit__()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *error):
        # A terminal that is closed sends SIGCONT as well, and a leak check that meets one waits
        # for ever: LeakSanitizer stops the program that it looks through.
        with contextlib.suppress(subprocess.CalledProcessError):
            subprocess.run(["pkill", "-KILL", "-t", self.tty.removeprefix("/dev/")], check=False,
                           timeout=20)
        self.close()

    def close(self):
        """As when its window is closed."""
        subprocess.run(["tmux", "-L", self.socket, "kill-server"], check=False, timeout=20,
                       capture_output=True)

    def _tmux(self, *arguments):
        return subprocess.run(["tmux", "-L", self.socket, *arguments], check=True, timeout=20,
                              capture_output=True).stdout.decode(errors="replace")

    def type(self, text):
        self._tmux("send-keys", "-t", "t", "-l", "--", text)

    def key(self, *names):
        """Named keys: Enter, Escape, Tab, C-z, Up …"""
        for name in names:
            self._tmux("send-keys", "-t", "t", name)

    def run(self, *command):
        self.type(shlex.join(str(word) for word in command))
        self.key("Enter")

    def resize(self, width, height):
        self._tmux("resize-window", "-t", "t", "-x", str(width), "-y", str(height))

    def foreground(self):
        """The number of the program that runs in it, started last."""
        return int(subprocess.run(
            ["pgrep", "-n", "-x", "joulekeeper", "-t", self.tty.removeprefix("/dev/")],
            capture_output=True, text=True, check=True).stdout)

    @property
    def tty(self):
        return self._tmux("display-message", "-p", "-t", "t", "#{pane_tty}").strip()

    @property
    def lines(self):
        return self._tmux("capture-pane", "-p", "-t", "t").split("\n")[:-1]

    @property
    def screen(self):
        return "\n".join(self.lines).rstrip("\n")

    def until(self, condition, what, seconds=15):
        """Wait until condition(lines) is true of the screen; its value."""
        try:
            return wait_until(lambda: condition(self.lines), what, seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}; the screen:\n{self.screen}") from None

    def shows(self, text, seconds=15):
        self.until(lambda lines: any(text in line for line in lines), f"'{text}' on the screen",
                   seconds)

    def hides(self, text, seconds=15):
        self.until(lambda lines: not any(text in line for line in lines),
                   f"'{text}' off the screen", seconds)

    def still(self, seconds):
        """Whether the screen stays as it is for a while."""
        before = self.screen
        time.sleep(seconds)
        return self.screen == before
