#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Files of data/ as rows of a C table: embed-files.py FILE... prints { "NAME", "TEXT" }, for each."""

import sys
from pathlib import Path


def c_string(line):
    return '"' + line.replace("\\", "\\\\").replace('"', '\\"').replace("?", "\\?") + '\\n"'


for name in sys.argv[1:]:
    path = Path(name)
    print(f'{{ "{path.stem}",')
    for line in path.read_text(encoding="ascii").splitlines():
        print("  " + c_string(line))
    print("},")
