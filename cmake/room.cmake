# gaze_room(NAME [USES rooms…] [LINKS libraries…])
# One folder under src/ is one static library `gaze_NAME`; its *_test.cpp files become one test program
# `gaze_NAME_test` that ctest knows. Subfolders belong to the room.
include(GoogleTest)

# Under CMAKE_UNITY_BUILD: the target's sources in the groups that can be compiled together.
function(gaze_compile_together target)
  if(NOT CMAKE_UNITY_BUILD)
    return()
  endif()
  get_target_property(sources ${target} SOURCES)
  list(TRANSFORM sources PREPEND ${CMAKE_CURRENT_SOURCE_DIR}/ REGEX "^[^/]")
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${sources})
  execute_process(COMMAND ${Python3_EXECUTABLE} -B ${CMAKE_SOURCE_DIR}/cmake/together.py 1500 ${sources}
                  OUTPUT_VARIABLE groups OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
  string(REPLACE "\n" ";" groups "${groups}")
  set(number 0)
  foreach(group ${groups})
    math(EXPR number "${number} + 1")
    string(REPLACE "\t" ";" group "${group}")
    set_source_files_properties(${group} PROPERTIES UNITY_GROUP ${number})
  endforeach()
  set_target_properties(${target} PROPERTIES UNITY_BUILD_MODE GROUP)
endfunction()

function(gaze_room name)
  cmake_parse_arguments(ROOM "" "" "USES;LINKS" ${ARGN})
  set(root ${CMAKE_SOURCE_DIR}/src/${name})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${root}/*.cpp)
  list(FILTER sources EXCLUDE REGEX "/main\\.cpp$")  # programs are targets of their own
  set(tests ${sources})
  list(FILTER sources EXCLUDE REGEX "_test\\.cpp$")
  list(FILTER tests INCLUDE REGEX "_test\\.cpp$")

  list(TRANSFORM ROOM_USES PREPEND gaze_)
  if(sources)
    add_library(gaze_${name} STATIC ${sources})
    gaze_compile_together(gaze_${name})
    set(scope PUBLIC)
  else()
    add_library(gaze_${name} INTERFACE)
    set(scope INTERFACE)
  endif()
  target_include_directories(gaze_${name} ${scope} ${CMAKE_SOURCE_DIR}/src)
  target_link_libraries(gaze_${name} ${scope} ${ROOM_USES} ${ROOM_LINKS} Threads::Threads)

  if(tests)
    add_executable(gaze_${name}_test ${tests})
    target_link_libraries(gaze_${name}_test PRIVATE gaze_${name} GTest::gmock_main)
    gaze_register_test(gaze_${name}_test)
  endif()
endfunction()

# Makes ctest know every case of a GoogleTest program and tells it where test data lies. Tests are compiled for speed of
# building: under sanitizers -O1 takes 1.7 times as long.
function(gaze_register_test target)
  gaze_compile_together(${target})
  target_compile_options(${target} PRIVATE -O0)
  target_compile_definitions(${target} PRIVATE GAZE_SOURCE_DIR="${CMAKE_SOURCE_DIR}" GAZE_BINARY_DIR="${CMAKE_BINARY_DIR}"
                             GAZE_SHARED_DIR="${GAZE_SHARED}")
  # Tests run side by side: threads that wait must not keep the cores from the others.
  gtest_discover_tests(${target} DISCOVERY_MODE PRE_TEST WORKING_DIRECTORY ${CMAKE_BINARY_DIR}
                       PROPERTIES TIMEOUT 300 ENVIRONMENT OMP_WAIT_POLICY=passive)
endfunction()
