#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# What the Makefile's targets need, made on first use: `setup.sh venv` the Python environment of pyproject.toml, `setup.sh qemu
# COMMAND` the emulator, `setup.sh loaders` boot loaders for tests, `setup.sh debugger ARCH` gdb, `setup.sh gcc` what `make
# bench` compares with (and `linux`, `plots`). Nothing is done that is done already. Debian's packages are installed when this runs as root; otherwise the
# message says which to install.
set -eu
cd "$(dirname "$0")/.."

say() { echo "setup: $*" >&2; }

# need_packages REASON PACKAGE...: installs them, or says how to and gives up.
need_packages() {
    reason=$1
    shift
    if command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
        say "$reason: installing $*"
        apt-get update -qq >&2
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq -o Dpkg::Use-Pty=0 --no-install-recommends "$@" >/dev/null
    else
        say "$reason. Install it first; on Debian, as root: apt-get install $*"
        exit 1
    fi
}

venv() {
    python3 -c 'import venv, ensurepip' 2>/dev/null || need_packages "Python 3 with its venv module is missing" python3 python3-venv
    python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
        say "Python 3.11 or later is needed, here is $(python3 --version)"
        exit 1
    }
    if ! .venv/bin/python -c 'import pip' 2>/dev/null; then
        say "creating .venv"
        python3 -m venv .venv
    fi
    say "installing the packages that pyproject.toml names into .venv"
    .venv/bin/pip install -qq --disable-pip-version-check --editable . >&2
    say ".venv is ready"
}

qemu() {
    case $1 in
        qemu-system-x86_64) package=qemu-system-x86 ;;
        *) package="qemu-system-misc opensbi" ;;
    esac
    # shellcheck disable=SC2086
    command -v "$1" >/dev/null || need_packages "$1 is missing" $package
}

# What the Cython module of the stress tests is compiled with.
headers() {
    .venv/bin/python -c 'import os, sysconfig, sys; sys.exit(not os.path.exists(sysconfig.get_paths()["include"] + "/Python.h"))' ||
        need_packages "the headers of Python, for the Cython module of the tests, are missing" libpython3-dev
}

# The boot loaders that tests start the images with.
loaders() {
    [ -e /usr/lib/u-boot/qemu-riscv64_smode/u-boot.bin ] || need_packages "U-Boot is missing" u-boot-qemu
    command -v grub-mkrescue >/dev/null && command -v xorriso >/dev/null && [ -e /usr/lib/grub/i386-pc ] ||
        need_packages "GRUB's tools are missing" grub-common grub-pc-bin xorriso mtools
}

# debugger ARCH: the host's own gdb will do for its architecture, else gdb-multiarch, which knows all.
debugger() {
    if [ "$1" = "$(uname -m)" ] && command -v gdb >/dev/null; then return; fi
    command -v gdb-multiarch >/dev/null || need_packages "gdb-multiarch is missing" gdb-multiarch
}

gcc() {
    [ -x /usr/bin/gcc ] || need_packages "gcc is missing" gcc libc6-dev
}

# What draws the figures of `make bench`.
plots() {
    .venv/bin/python -c 'import matplotlib' 2>/dev/null || .venv/bin/pip install -qq --disable-pip-version-check --editable '.[plots]' >&2
}

# linux FOLDER: Debian's kernel for virtual machines, unpacked there: it is measured, not installed.
linux() {
    ls "$1"/boot/vmlinuz-* >/dev/null 2>&1 && return
    command -v apt-get >/dev/null || {
        say "Debian's apt-get is needed to fetch the Linux to compare with"
        exit 1
    }
    mkdir -p "$1"
    [ "$(id -u)" != 0 ] || apt-get update -qq >&2
    kernel=$(apt-cache depends linux-image-cloud-amd64 | sed -n 's/ *Depends: *//p' | head -n 1)
    [ -n "$kernel" ] || {
        say "apt-get knows no linux-image-cloud-amd64: is this Debian, with a list of packages?"
        exit 1
    }
    say "fetching $kernel"
    (cd "$1" && apt-get download -qq "$kernel" && dpkg-deb -x "$kernel"_*.deb . && rm "$kernel"_*.deb)
}

"$@"
