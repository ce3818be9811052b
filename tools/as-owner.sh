#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Run a command as the owner of the source tree: as-owner.sh COMMAND [ARGUMENT...]
#
# `sudo make run` needs root for the agent, not for the compiler. Built as root, the files in build/
# would be in the way of the next plain `make`.
set -eu

tree=$(dirname -- "$0")/..
uid=$(stat -c %u -- "$tree")
gid=$(stat -c %g -- "$tree")

if [ "$(id -u)" != 0 ] || [ "$uid" = 0 ]; then
        exec "$@"
fi

HOME=$(getent passwd "$uid" | cut -d: -f6)
export HOME="${HOME:-/nonexistent}"
exec setpriv --reuid="$uid" --regid="$gid" --clear-groups -- "$@"
