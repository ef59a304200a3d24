# SPDX-License-Identifier: Apache-2.0
# Debian's cross compiler for arm64, with that architecture's libraries installed beside this machine's (multiarch).
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)
set(PKG_CONFIG_EXECUTABLE /usr/bin/aarch64-linux-gnu-pkg-config)
# ctest runs the tests' programs through it.
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64)
