# SPDX-License-Identifier: Apache-2.0
# Sourced by the scripts of this folder: what they install and how they build. Works on a Debian 12 that has only git.
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# What building and testing need, beyond what Debian always has.
packages=(cmake ninja-build gcc libc6-dev pkg-config libmodbus-dev libpaho-mqtt-dev libsqlite3-dev libcmocka-dev
          libyaml-dev libcjson-dev libmicrohttpd-dev libjs-dygraphs libsystemd-dev libssl-dev mbpoll mosquitto mosquitto-clients openssl socat
          python3 python3-jsonschema python3-pymodbus python3-serial python3-serial-asyncio python3-yaml sqlite3)

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        echo "As root, or with sudo installed, this would run: $*" >&2
        return 1
    fi
}

# Installs those of the given packages that are missing, asking nothing.
install_packages() {
    local missing=() package
    if ! command -v apt-get >/dev/null; then
        echo "This is no Debian; the packages that are needed are called there: $*" >&2
        return 0
    fi
    for package in "$@"; do
        dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
    done
    [ ${#missing[@]} -eq 0 ] && return 0
    echo "Installing: ${missing[*]}"
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq update
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install "${missing[@]}" >/dev/null
}

# build PRESET [CMAKE OPTION...]: configures and builds into build/PRESET.
build() {
    local preset=$1
    shift
    (cd "$root" && cmake --preset "$preset" "$@" >/dev/null && cmake --build --preset "$preset")
}

# build_targets PRESET TARGET...: the same for some targets only.
build_targets() {
    local preset=$1
    shift
    (cd "$root" && cmake --preset "$preset" >/dev/null && cmake --build --preset "$preset" --target "$@")
}
