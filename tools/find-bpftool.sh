#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Print the path of a bpftool that works, or fail. Ubuntu's /usr/sbin/bpftool only looks for one of
# the running kernel's version and fails for any other kernel; for generating a skeleton, each
# version that is installed will do.
set -eu

PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
for candidate in "$(command -v bpftool || true)" /usr/lib/linux-tools/*/bpftool \
        /usr/lib/linux-tools-*/bpftool; do
        if [ -x "$candidate" ] && "$candidate" version >/dev/null 2>&1; then
                echo "$candidate"
                exit 0
        fi
done
echo "find-bpftool: there is no bpftool that works" >&2
exit 1
