# SPDX-License-Identifier: Apache-2.0
# Debian's cross compiler for -DSENSORGW_TRIPLET=aarch64-linux-gnu or arm-linux-gnueabihf (dpkg-architecture -A ARCH -q
# DEB_TARGET_GNU_TYPE says which), with that architecture's libraries installed beside this machine's (multiarch).
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES SENSORGW_TRIPLET)
string(REGEX MATCH "^[^-]+" CMAKE_SYSTEM_PROCESSOR "${SENSORGW_TRIPLET}")
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_C_COMPILER ${SENSORGW_TRIPLET}-gcc)
set(CMAKE_LIBRARY_ARCHITECTURE ${SENSORGW_TRIPLET})
set(PKG_CONFIG_EXECUTABLE /usr/bin/${SENSORGW_TRIPLET}-pkg-config)
# ctest runs the tests' programs through it.
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-${CMAKE_SYSTEM_PROCESSOR})
