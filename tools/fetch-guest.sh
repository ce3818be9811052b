#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Fetch the packages that the guest of the tests is made of (tests/check/guest.py): this release's
# kernel for virtual machines, systemd and Python with all that they need. They are downloaded and
# not installed:
#
#     fetch-guest.sh DIRECTORY
#
# Quick and without network when they are there. Only apt knows where they come from.
set -eu

directory=$1
userland='systemd-sysv python3 dash base-files base-passwd coreutils procps util-linux'

say() {
        echo "fetch-guest: $*" >&2
}

[ ! -e "$directory/complete" ] || exit 0

# The kernel package that the newest of these names stands for: Debian's, then Ubuntu's.
kernel() {
        for name in linux-image-cloud-amd64 linux-image-virtual; do
                apt-cache depends --important "$name" 2>/dev/null |
                        awk '$1 == "Depends:" && $2 ~ /^linux-image-[0-9]/ { print $2; exit }'
        done | head -n 1
}

# apt on a machine that has nothing installed, so that nothing that the guest needs is missing.
apt_for_nothing() {
        DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends --download-only \
                -o Acquire::Retries=3 -o APT::Sandbox::User=root -o Debug::NoLocking=true \
                -o Dir::State::status="$scratch/status" -o Dir::Cache::archives="$scratch" \
                -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= "$@" </dev/null >&2
}

mkdir -p "$directory"
directory=$(cd -- "$directory" && pwd) # apt takes a relative path for one below its own folder
scratch=$(mktemp -d "$directory/fetching.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
trap 'exit 130' INT TERM
mkdir "$scratch/partial"
: >"$scratch/status"

image=$(kernel)
[ -n "$image" ] || {
        say "apt offers no kernel for virtual machines (linux-image-cloud-amd64, linux-image-virtual)"
        exit 1
}
# shellcheck disable=SC2086 # a list of names
apt_for_nothing install $userland
(cd "$scratch" && apt-get -qq -o Acquire::Retries=3 -o APT::Sandbox::User=root download "$image" >&2)

[ -n "$(find "$scratch" -name 'systemd_*.deb')" ] || {
        say "apt did not keep what it downloaded"
        exit 1
}
rm -f "$directory"/*.deb
mv "$scratch"/*.deb "$directory"
: >"$directory/complete"
