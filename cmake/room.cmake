# gaze_room(NAME [USES rooms…] [LINKS libraries…])
# One folder under src/ is one static library `gaze_NAME`; its *_test.cpp files become one test program
# `gaze_NAME_test` that ctest knows. Subfolders belong to the room.
include(GoogleTest)
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
# building: -O3 takes twice as long.
function(gaze_register_test target)
  target_compile_options(${target} PRIVATE -O1)
  target_compile_definitions(${target} PRIVATE GAZE_SOURCE_DIR="${CMAKE_SOURCE_DIR}" GAZE_BINARY_DIR="${CMAKE_BINARY_DIR}"
                             GAZE_SHARED_DIR="${GAZE_SHARED}")
  # Tests run side by side: threads that wait must not keep the cores from the others.
  gtest_discover_tests(${target} DISCOVERY_MODE PRE_TEST WORKING_DIRECTORY ${CMAKE_BINARY_DIR}
                       PROPERTIES TIMEOUT 300 ENVIRONMENT OMP_WAIT_POLICY=passive)
endfunction()
