#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Run by meson install: write the default configuration, unless there is one.
#
#     install-config.sh DIRECTORY
set -eu

file=${DESTDIR:-}$1/joulekeeper.yaml
[ ! -e "$file" ] || exit 0
mkdir -p "${file%/*}"
"$MESON_BUILD_ROOT/joulekeeper" config --print-defaults >"$file.new"
mv "$file.new" "$file"
