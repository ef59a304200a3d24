# SPDX-License-Identifier: Apache-2.0
# Compiler settings that every target shares.
option(SENSORGW_TESTS "Build the tests, the simulator and the benchmarks" ON)
option(SENSORGW_WERROR "Treat warnings as errors (CI does)" OFF)
set(SENSORGW_SANITIZE "" CACHE STRING "address,undefined or thread; empty for none")

set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()
set(CMAKE_C_FLAGS_RELEASE "-O2 -g1 -DNDEBUG")
set(CMAKE_C_FLAGS_DEBUG "-Og -g")

add_compile_definitions(_GNU_SOURCE)
if(CMAKE_SIZEOF_VOID_P EQUAL 4)
  # What the system's libraries, SQLite among them, were compiled with (see storage/shorttime.c).
  include(CheckTypeSize)
  set(CMAKE_EXTRA_INCLUDE_FILES time.h)
  check_type_size(time_t SENSORGW_SYSTEM_TIME_T)
  unset(CMAKE_EXTRA_INCLUDE_FILES)
  # Times after 2038, and files of more than 2 GB.
  add_compile_definitions(_TIME_BITS=64 _FILE_OFFSET_BITS=64)
endif()
add_compile_options(
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wcast-qual -Wstrict-prototypes
  -Wmissing-prototypes -Wundef -Wpointer-arith -Wwrite-strings -Wformat=2 -Wvla -Wswitch-enum
  -Wnull-dereference -Wdouble-promotion -Wimplicit-fallthrough -fno-common)
if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
  add_compile_options(-Wlogical-op -Wduplicated-cond -Wduplicated-branches -Wjump-misses-init
                      -Wcast-align=strict -Walloca)
endif()
if(SENSORGW_WERROR)
  add_compile_options(-Werror)
endif()

if(SENSORGW_SANITIZE)
  add_compile_options(-fsanitize=${SENSORGW_SANITIZE} -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${SENSORGW_SANITIZE})
  if(SENSORGW_SANITIZE MATCHES "undefined")
    add_compile_options(-fno-sanitize-recover=undefined)
  endif()
elseif(CMAKE_BUILD_TYPE STREQUAL "Release")
  # -fPIE and -pie come from CMAKE_POSITION_INDEPENDENT_CODE and CheckPIESupported.
  # clang 14 knows no level 3.
  set(fortify $<IF:$<C_COMPILER_ID:GNU>,3,2>)
  add_compile_options(-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=${fortify} -fstack-protector-strong
                      -fstack-clash-protection)
  add_link_options(-Wl,-z,relro,-z,now)
endif()
include(CheckPIESupported)
check_pie_supported(LANGUAGES C)
