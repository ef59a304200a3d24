# SPDX-License-Identifier: Apache-2.0
# Debian's cross compiler for armhf, with that architecture's libraries installed beside this machine's (multiarch).
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR arm)
set(CMAKE_C_COMPILER arm-linux-gnueabihf-gcc)
set(CMAKE_LIBRARY_ARCHITECTURE arm-linux-gnueabihf)
set(PKG_CONFIG_EXECUTABLE /usr/bin/arm-linux-gnueabihf-pkg-config)
# ctest runs the tests' programs through it.
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-arm)
