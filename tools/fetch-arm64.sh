#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Fetch what it takes to build for arm64 on another machine, and to boot what was built: the
# libraries with their headers, and this release's kernel for virtual machines:
#
#     fetch-arm64.sh DIRECTORY
#
# makes DIRECTORY/sysroot, DIRECTORY/sysroot.ini, which tells tools/cross-arm64.ini where that is, and
# DIRECTORY/vmlinuz. Nothing is installed, and apt's own lists are not touched: they are read anew,
# for arm64, into a scratch folder.
# Quick and without network when all is there. Only apt knows where packages come from; where it has
# none for arm64 (Ubuntu keeps them in another archive), DIRECTORY/unavailable says so.
set -eu

directory=$1
libraries='libc6-dev libmicrohttpd-dev libjansson-dev libyaml-dev zlib1g-dev libzstd-dev
           libncurses-dev libbpf-dev libcurl4-openssl-dev libcmocka-dev'
userland='busybox-static dash coreutils libc-bin'
kernel='linux-image-cloud-arm64'

say() {
        echo "fetch-arm64: $*" >&2
}

[ ! -e "$directory/complete" ] && [ ! -e "$directory/unavailable" ] || exit 0

# apt for another architecture, on a machine that has nothing installed.
apt_for_arm64() {
        tool=$1
        shift
        DEBIAN_FRONTEND=noninteractive "apt-$tool" -qq \
                -o APT::Architecture=arm64 -o APT::Architectures=arm64 -o APT::Sandbox::User=root \
                -o Acquire::Retries=3 -o Acquire::Languages=none -o Debug::NoLocking=true \
                -o Dir::State="$scratch/state" -o Dir::State::lists="$scratch/state/lists" \
                -o Dir::State::status="$scratch/status" -o Dir::Cache="$scratch/cache" \
                -o Dir::Cache::archives="$scratch/packages" "$@" </dev/null
}

# Into the sysroot, where bin, lib and sbin are links into usr.
unpack() {
        dpkg-deb --fsys-tarfile "$1" |
                tar -x -C "$2" --keep-directory-symlink --no-same-owner --exclude='./usr/share/*'
}

# A library's link may name a file of the machine that it was made for (/lib/...).
make_links_relative() {
        find "$1" -type l -lname '/*' | while read -r link; do
                ln -sfn "$(realpath -m --relative-to="$(dirname "$link")" "$1$(readlink "$link")")" "$link"
        done
}

mkdir -p "$directory"
directory=$(cd -- "$directory" && pwd) # apt takes a relative path for one below its own folder
scratch=$(mktemp -d "$directory/fetching.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
trap 'exit 130' INT TERM
mkdir -p "$scratch/state/lists/partial" "$scratch/cache" "$scratch/packages/partial" \
        "$scratch/kernel" "$scratch/sysroot/usr"
: >"$scratch/status"

# An archive without arm64 is an error to apt; what counts is whether the packages are there.
apt_for_arm64 get update >&2 || true
image=$(apt_for_arm64 cache depends --important "$kernel" 2>/dev/null |
        awk '$1 == "Depends:" && $2 ~ /^linux-image-[0-9]/ { print $2; exit }')
if [ -z "$image" ]; then
        say "apt offers no $kernel"
        # shellcheck source=/dev/null
        [ "$(. /etc/os-release && echo "$ID")" != debian ] || exit 1 # Debian has it: try again
        echo "apt has no packages for arm64 here" >"$directory/unavailable"
        exit 0
fi

# shellcheck disable=SC2086 # lists of names
apt_for_arm64 get -y --no-install-recommends --download-only install $libraries $userland >&2
(cd "$scratch/kernel" && apt_for_arm64 get download "$image" >&2)

for folder in bin lib sbin; do
        mkdir "$scratch/sysroot/usr/$folder"
        ln -s "usr/$folder" "$scratch/sysroot/$folder"
done
for package in "$scratch"/packages/*.deb; do
        unpack "$package" "$scratch/sysroot"
done
make_links_relative "$scratch/sysroot"
dpkg-deb --fsys-tarfile "$scratch"/kernel/*.deb | tar -x -C "$scratch/kernel" --wildcards './boot/vmlinuz-*'

rm -rf "$directory/sysroot"
mv "$scratch/sysroot" "$directory/sysroot"
mv "$scratch"/kernel/boot/vmlinuz-* "$directory/vmlinuz"
printf "[constants]\nsysroot = '%s'\n" "$directory/sysroot" >"$directory/sysroot.ini"
: >"$directory/complete"
