# SPDX-License-Identifier: Apache-2.0
# Third-party libraries, all Debian 12 packages. Each is linked by the one folder that may include it.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
pkg_check_modules(LIBMODBUS REQUIRED IMPORTED_TARGET libmodbus>=3.1)
pkg_check_modules(SQLITE3 REQUIRED IMPORTED_TARGET sqlite3>=3.35)
pkg_check_modules(LIBYAML REQUIRED IMPORTED_TARGET yaml-0.1)
pkg_check_modules(CJSON REQUIRED IMPORTED_TARGET libcjson)
pkg_check_modules(MICROHTTPD REQUIRED IMPORTED_TARGET libmicrohttpd)
pkg_check_modules(LIBSYSTEMD REQUIRED IMPORTED_TARGET libsystemd)

# Debian's Paho package carries no pkg-config file.
function(sensorgw_plain_library target header library)
  find_path(${target}_INCLUDE ${header} REQUIRED)
  find_library(${target}_LIBRARY ${library} REQUIRED)
  add_library(${target} INTERFACE IMPORTED)
  target_include_directories(${target} INTERFACE ${${target}_INCLUDE})
  target_link_libraries(${target} INTERFACE ${${target}_LIBRARY})
endfunction()
sensorgw_plain_library(paho_mqtt3as MQTTAsync.h paho-mqtt3as)

# The chart of the page, from Debian's libjs-dygraphs; it becomes part of the program.
set(dygraphs_folders /usr/share/javascript/dygraphs /usr/share/nodejs/dygraphs/dist)
find_file(DYGRAPHS_JS dygraph.min.js PATHS ${dygraphs_folders} NO_CMAKE_FIND_ROOT_PATH REQUIRED)

if(SENSORGW_TESTS)
  pkg_check_modules(CMOCKA REQUIRED IMPORTED_TARGET cmocka)
endif()
