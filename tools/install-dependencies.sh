#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Install what is missing to build or to test, on Debian (12 and later) and Ubuntu LTS (22.04 and
# later):
#
#     install-dependencies.sh build    # to build and run
#     install-dependencies.sh check    # that, and what the tests need
#
# Quick and without any need of root or network when nothing is missing.
set -eu

tree=$(cd -- "$(dirname -- "$0")/.." && pwd)

build='gcc libc6-dev make meson ninja-build pkg-config python3 libmicrohttpd-dev libjansson-dev
       libyaml-dev zlib1g-dev libzstd-dev libncurses-dev'
# The program builds without these, too: without the first three it collects from /proc instead of
# eBPF, without the next (its header; the library is loaded when needed) top and ps ask no agent, and
# without the last (its header as well) wall power comes from no MQTT broker.
bpf='libbpf-dev clang llvm'
client='libcurl4-openssl-dev'
mqtt='libmosquitto-dev'
check='libcmocka-dev clang clang-format clang-tidy llvm cppcheck shellcheck procps util-linux git
       curl tmux stress-ng groff-base zstd openssl'
check_amd64='qemu-system-x86' # and what fetch-guest.sh fetches
check_arm64='qemu-system-arm gcc-aarch64-linux-gnu' # and fetch-arm64.sh

say() {
        echo "install-dependencies: $*" >&2
}

installed() {
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

missing_of() {
        for package in "$@"; do
                installed "$package" || printf '%s ' "$package"
        done
}

# Whether apt can install a package of this name. Debian has bpftool as a package, Ubuntu as a part
# of the kernel's tools, where the name may exist without anything behind it.
offered() {
        apt-cache policy "$1" 2>/dev/null | grep -q '^ *Candidate: [^(]'
}

# Retried, because mirrors fail for a moment more often than for good.
apt() {
        for pause in 5 20 0; do
                DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 \
                        -o Dpkg::Use-Pty=0 -o Acquire::Retries=3 "$@" </dev/null >&2 && return 0
                sleep "$pause"
        done
        return 1
}

updated=no
update_once() {
        [ "$updated" = no ] || return 0
        # One broken third-party source must not stop us: what counts is whether the packages come.
        apt update || say "apt-get update failed; trying with the package lists that are there"
        updated=yes
}

need_root() {
        [ "$(id -u)" = 0 ] && return 0
        say "these packages are missing, and installing them needs root: $*"
        say "run this as root: $tree/tools/install-dependencies.sh $what"
        exit 1
}

install_needed() {
        missing=$(missing_of "$@")
        [ -n "$missing" ] || return 0
        need_root "$missing"
        say "installing $missing"
        update_once
        # shellcheck disable=SC2086 # a list of names
        apt install -y --no-install-recommends $missing || {
                say "apt-get could not install: $missing"
                exit 1
        }
        changed=yes
}

# install_optional WHAT-FOR PACKAGE...
install_optional() {
        purpose=$1
        shift
        missing=$(missing_of "$@")
        [ -n "$missing" ] || return 0
        if [ "$(id -u)" != 0 ]; then
                say "not installed, and needed for $purpose: $missing(root is needed to install them)"
                return 0
        fi
        say "installing $missing"
        update_once
        # shellcheck disable=SC2086 # a list of names
        if apt install -y --no-install-recommends $missing; then
                changed=yes
        else
                say "building without $purpose, since apt-get could not install: $missing"
        fi
}

# Ubuntu 22.04 has libbpf 0.5, which does not know what the programs use.
libbpf_is_new_enough() {
        version=$(dpkg-query -W -f '${Version}' libbpf-dev 2>/dev/null) || version=
        if [ -z "$version" ]; then
                [ "$(id -u)" != 0 ] || update_once
                version=$(apt-cache policy libbpf-dev 2>/dev/null | sed -n 's/^ *Candidate: //p')
        fi
        dpkg --compare-versions "${version#*:}" ge 1.0 2>/dev/null
}

install_bpftool() {
        ! "$tree/tools/find-bpftool.sh" >/dev/null 2>&1 || return 0
        [ "$(id -u)" != 0 ] || update_once
        if offered bpftool; then
                install_optional eBPF bpftool
        else
                install_optional eBPF linux-tools-common linux-tools-generic
        fi
}

install_for_bpf() {
        if libbpf_is_new_enough || pkg-config --atleast-version=1.0 libbpf 2>/dev/null; then
                # shellcheck disable=SC2086 # a list of names
                install_optional eBPF $bpf
                install_bpftool
        else
                say "building without eBPF, as there is no libbpf 1.0 or later here: tasks are seen by /proc"
        fi
}

# The sanitizers' and the fuzzer's run-time library is a package of the compiler's version.
install_clang_runtime() {
        version=$(clang -dumpversion | cut -d. -f1)
        runtime=libclang-rt-$version-dev
        installed "$runtime" && return 0
        [ -z "$(find /usr/lib/llvm-"$version"/lib/clang -name 'libclang_rt.fuzzer*.a' 2>/dev/null)" ] ||
                return 0
        install_needed "$runtime"
}

# promtool checks /metrics. It comes with the Prometheus server, which would be started and stay on
# the machine if it were installed; so only the program is taken out of the package.
fetch_promtool() {
        directory=$tree/build-tools
        [ ! -x "$directory/promtool" ] && ! command -v promtool >/dev/null || return 0
        if [ "$(id -u)" != 0 ]; then
                say "promtool is not there: the check of /metrics with it is skipped (root fetches it)"
                return 0
        fi
        update_once
        scratch=$(mktemp -d)
        if (cd "$scratch" && apt download -o APT::Sandbox::User=root prometheus &&
                dpkg-deb -x prometheus_*.deb unpacked); then
                install -d "$directory"
                install -m 755 "$scratch/unpacked/usr/bin/promtool" "$directory/promtool"
                chown -R --reference="$tree" "$directory"
        else
                say "promtool cannot be had: the check of /metrics with it is skipped"
        fi
        rm -rf "$scratch"
}

# The broker of the tests, with what it is linked with: as a package it would be started as well.
fetch_mosquitto() {
        directory=$tree/build-tools/mosquitto
        [ ! -d "$directory" ] && [ ! -x /usr/sbin/mosquitto ] || return 0
        if [ "$(id -u)" != 0 ]; then
                say "mosquitto is not there: the tests with an MQTT broker are skipped (root fetches it)"
                return 0
        fi
        update_once
        scratch=$(mktemp -d)
        mkdir "$scratch/partial"
        if apt install -y --no-install-recommends --download-only -o Dir::Cache::archives="$scratch" \
                -o APT::Sandbox::User=root mosquitto; then
                install -d "$directory"
                for package in "$scratch"/*.deb; do
                        dpkg-deb -x "$package" "$directory"
                done
                chown -R --reference="$tree" "$tree/build-tools"
        else
                say "mosquitto cannot be had: the tests with an MQTT broker are skipped"
        fi
        rm -rf "$scratch"
}

# A guest of this release boots in the tests; it is made of packages that are not installed here.
fetch_guest() {
        [ ! -e "$tree/build-tools/guest/complete" ] || return 0
        [ "$(id -u)" != 0 ] || update_once
        if "$tree/tools/fetch-guest.sh" "$tree/build-tools/guest"; then
                chown -R --reference="$tree" "$tree/build-tools"
        else
                say "the guest's packages cannot be had: the tests in a virtual machine are skipped"
        fi
}

# The libraries to build for arm64, and a kernel to boot what was built.
fetch_arm64() {
        for mark in complete unavailable; do
                [ ! -e "$tree/build-tools/arm64/$mark" ] || return 0
        done
        if "$tree/tools/fetch-arm64.sh" "$tree/build-tools/arm64"; then
                chown -R --reference="$tree" "$tree/build-tools"
        else
                say "arm64's libraries cannot be had: the tests of a build for it are skipped"
        fi
}

what=${1:-}
changed=no
case $what in
build | check) ;;
*)
        echo "usage: ${0##*/} build | check" >&2
        exit 2
        ;;
esac

command -v dpkg-query >/dev/null || {
        say "this is neither Debian nor Ubuntu; install what README.md lists, then run make"
        exit 1
}

# shellcheck disable=SC2086 # lists of names
install_needed $build
install_for_bpf
install_optional "asking agents" $client
install_optional "wall power by MQTT" $mqtt
if [ "$what" = check ]; then
        # shellcheck disable=SC2086
        install_needed $check
        install_clang_runtime
        fetch_promtool
        fetch_mosquitto
        if [ "$(dpkg --print-architecture)" = amd64 ]; then
                install_needed $check_amd64
                fetch_guest
                fetch_arm64
                # shellcheck disable=SC2086
                [ ! -e "$tree/build-tools/arm64/complete" ] || install_needed $check_arm64
        fi
fi

# What was configured without a library does not see it by itself: make configures anew.
if [ "$changed" = yes ]; then
        rm -f "$tree"/build/build.ninja
fi
