#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Do what a newcomer does, on a machine that has nothing: make a minimal Debian (or Ubuntu) below a
# temporary folder, clone this tree into it, and run `make check` or `make run` there.
#
#     sudo tools/try-fresh.sh [check | run | shell] [ARGUMENT of make...]
#
# SUITE (bookworm) says which release, MIRROR where its packages come from; without MIRROR that is
# asked of this machine's own apt, whose proxy and credentials are carried along. KEEP=yes keeps the
# folder. What is mounted there goes with the mount namespace, however this ends.
set -euo pipefail

suite=${SUITE:-bookworm}
mirror=${MIRROR:-}
what=${1:-check}
shift || true
tree=$(cd -- "$(dirname -- "$0")/.." && pwd)

say() {
        echo "try-fresh: $*" >&2
}

die() {
        say "$*"
        exit 1
}

# "URI RELEASE COMPONENT" of each source of this machine that carries the suite.
sources() {
        # shellcheck disable=SC2016 # apt's own variables
        apt-get indextargets --format '$(CODENAME) $(REPO_URI) $(RELEASE) $(COMPONENT)' \
                'Created-By: Packages' | sort -u |
                awk -v suite="$suite" '$1 == suite || index($1, suite "-") == 1 { print $2, $3, $4 }'
}

write_sources() {
        if [ -n "${MIRROR:-}" ]; then
                case $mirror in
                *ubuntu*) echo "deb $mirror $suite main universe" ;;
                *) echo "deb $mirror $suite main" ;;
                esac
        else
                sources | sed 's/^/deb /'
        fi >"$fresh/etc/apt/sources.list"
}

carry_network() {
        local name
        apt-config dump Acquire | grep -Ei '^Acquire::(https?|ftp)::(proxy|timeout)' \
                >"$fresh/etc/apt/apt.conf.d/90carried" || true
        for name in auth.conf auth.conf.d; do
                [ ! -e "/etc/apt/$name" ] || cp -a "/etc/apt/$name" "$fresh/etc/apt/"
        done
        for name in resolv.conf hosts; do
                [ ! -e "/etc/$name" ] || cp -L "/etc/$name" "$fresh/etc/$name"
        done
}

# The new root is made a mount of its own, as that of a machine is: unshare(1) wants to change it.
mount_kernel() {
        mount --bind "$fresh" "$fresh"
        mount -t proc proc "$fresh/proc"
        mount --rbind /sys "$fresh/sys"
        mount --rbind /dev "$fresh/dev"
        mount -t tmpfs tmpfs "$fresh/run"
}

inside() {
        env -i HOME=/root LANG=C.UTF-8 PATH=/usr/sbin:/usr/bin:/sbin:/bin TERM="${TERM:-dumb}" \
                chroot "$fresh" "$@"
}

if [ "${1:-}" = --in-namespace ]; then
        shift
else
        case $what in
        check | run | shell) ;;
        *) die "usage: try-fresh.sh [check | run | shell] [ARGUMENT of make...]" ;;
        esac
        [ "$(id -u)" = 0 ] || die "a chroot needs root; run this with sudo"
        command -v debootstrap >/dev/null || die "debootstrap is missing: apt-get install debootstrap"
        exec unshare --mount --propagation private -- "$0" "$what" --in-namespace "$@"
fi

[ -n "$mirror" ] || mirror=$(sources | awk '$3 == "main" { print $1; exit }')
[ -n "$mirror" ] || die "this machine's apt has no source of $suite; set MIRROR"

fresh=$(mktemp -d "${TMPDIR:-/var/tmp}/joulekeeper-fresh.XXXXXX")
chmod 755 "$fresh" # apt downloads as a user of its own
cleanup() {
        umount -lR "$fresh" 2>/dev/null || true
        if [ "${KEEP:-}" = yes ]; then
                say "kept: $fresh"
        else
                rm -rf --one-file-system "$fresh"
        fi
}
trap cleanup EXIT
trap 'exit 130' INT TERM

eval "$(apt-config shell http_proxy Acquire::http::Proxy)"
export http_proxy="${http_proxy:-}"
say "$suite below $fresh"
# A release that is newer than debootstrap has no script of its own; those of its family are all one.
script=/usr/share/debootstrap/scripts/$suite
if [ ! -e "$script" ]; then
        case $mirror in
        *ubuntu*) script=${script%/*}/gutsy ;;
        *) script=${script%/*}/sid ;;
        esac
fi
debootstrap --variant=minbase "$suite" "$fresh" "$mirror" "$script" >"$fresh.log" 2>&1 ||
        { tail -20 "$fresh.log" >&2; die "debootstrap failed; see $fresh.log"; }
rm -f "$fresh.log"
write_sources
carry_network
mount_kernel
git -c safe.directory="$tree" clone -q --no-hardlinks "$tree" "$fresh/root/joulekeeper"

# The two things that README.md asks for; everything else is `make`'s business.
inside apt-get -q update
inside env DEBIAN_FRONTEND=noninteractive apt-get -qy install --no-install-recommends git make \
        >/dev/null

if [ "$what" = shell ]; then
        inside bash -c 'cd /root/joulekeeper && exec bash'
else
        inside make -C /root/joulekeeper "$what" "$@"
fi
