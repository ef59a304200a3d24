# SPDX-License-Identifier: Apache-2.0
# Sourced after lib.sh: small Debian 12 systems below build/roots, in which packages are built and tried. They need root's
# rights, debootstrap and qemu-user, and take what they install from where this machine takes it.
roots=$root/build/roots

# The address of the Debian archive that apt uses here.
debian_mirror() {
    local uri
    uri=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' 'Label: Debian' 2>/dev/null | head -1)
    [ -n "$uri" ] || { echo "apt knows no Debian archive here" >&2; return 1; }
    echo "${uri%/}"
}

# How this machine reaches the archive (proxies and the like) holds for the new root too.
copy_apt_settings() {
    local target=$1
    cp /etc/resolv.conf "$target/etc/resolv.conf"
    apt-config dump | grep -E '^Acquire::(http|https|Check|Retries)' >"$target/etc/apt/apt.conf.d/90host" || true
    printf '%s\n' 'APT::Install-Recommends "false";' 'Acquire::Languages "none";' >"$target/etc/apt/apt.conf.d/91lean"
    printf '#!/bin/sh\nexit 101\n' >"$target/usr/sbin/policy-rc.d" # nothing is started by being installed
    chmod 755 "$target/usr/sbin/policy-rc.d"
    # Without security updates: those of two architectures are not always at the same version, which multiarch needs.
    echo "deb $(debian_mirror) bookworm main" >"$target/etc/apt/sources.list"
}

# base_root: prints the folder of a minimal Debian 12, made at the first call.
base_root() {
    local target=$roots/base
    if [ ! -e "$target/.complete" ]; then
        rm -rf "$target"
        mkdir -p "$roots"
        debootstrap --variant=minbase bookworm "$target" "$(debian_mirror)" >&2
        copy_apt_settings "$target"
        in_root "$target" apt-get -qq update >&2
        rm -f "$target"/var/cache/apt/archives/*.deb
        touch "$target/.complete"
    fi
    echo "$target"
}

# copy_root NAME: a fresh copy of the minimal system; prints its folder.
copy_root() {
    local target=$roots/$1 base
    base=$(base_root)
    rm -rf --one-file-system "$target"
    cp -a --reflink=auto "$base" "$target"
    rm -f "$target/.complete"
    echo "$target"
}

# in_root ROOT COMMAND...: runs it inside, with the tree at /src. The mounts vanish with the command.
in_root() {
    local target=$1
    shift
    mkdir -p "$target/src"
    unshare --mount --propagation private bash -euc '
        target=$1 tree=$2
        shift 2
        mount -t proc proc "$target/proc"
        mount --rbind /sys "$target/sys"
        mount --rbind /dev "$target/dev"
        mount --bind "$tree" "$target/src"
        cd /
        exec chroot "$target" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 \
            DEBIAN_FRONTEND=noninteractive "$@"' in_root "$target" "$root" "$@"
}

# install_in_root ROOT PACKAGE...
install_in_root() {
    local target=$1
    shift
    in_root "$target" apt-get -qq -y -o Dpkg::Use-Pty=0 install "$@" >&2
}

# cross_root ARCH: prints the folder of a system with Debian's cross compiler for that architecture, the libraries of
# that architecture and this machine's tools; made at the first call, and completed when packaging/debian/control changes.
cross_root() {
    local arch=$1 target=$roots/cross-$1 key
    key=$(sha256sum "$root/packaging/debian/control" | cut -d' ' -f1)
    [ "$(cat "$target/.complete" 2>/dev/null)" != "$key" ] || { echo "$target"; return; }
    if [ ! -e "$target/.complete" ]; then
        copy_root "cross-$arch" >/dev/null
        in_root "$target" dpkg --add-architecture "$arch" >&2
        in_root "$target" apt-get -qq update >&2
        install_in_root "$target" "crossbuild-essential-$arch" qemu-user mosquitto openssl python3 python3-yaml
    fi
    mkdir -p "$target/control/debian"
    cp "$root/packaging/debian/control" "$root/packaging/debian/changelog" "$target/control/debian/"
    in_root "$target" apt-get -qq -y -o Dpkg::Use-Pty=0 build-dep -a "$arch" -P cross /control >&2
    echo "$key" >"$target/.complete"
    echo "$target"
}
