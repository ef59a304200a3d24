# SPDX-License-Identifier: Apache-2.0
# sensorgw_folder(NAME SOURCES ... LINK ...): one static library for one folder. Includes are written from the
# top of the tree ("config/option.h"), so every include names the folder that it reaches into.
function(sensorgw_folder name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})
  add_library(sensorgw_${name} STATIC ${ARG_SOURCES})
  target_include_directories(sensorgw_${name} PUBLIC ${PROJECT_SOURCE_DIR}
                                                     ${PROJECT_BINARY_DIR}/generated)
  target_link_libraries(sensorgw_${name} PUBLIC ${ARG_LINK})
endfunction()
