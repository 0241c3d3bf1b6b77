# Libraries that are loaded when one of their functions is first called, not when the program starts: loading all of them
# took two thirds of the time of `gaze --version`, and most commands need few. Sources call them as ever. On x86-64; on
# other machines they are linked as usual, and under sanitizers, which watch only libraries that are linked (LeakSanitizer
# may crash over the thread-local variables of the others).
#
# gaze_link_lazily(TARGET [PUBLIC libraries…] [PRIVATE libraries…]): TARGET is a static library; what it calls of
# `libraries` (imported targets, C functions or C++ ones, no data) becomes stubs, which cmake/lazy_stubs.py writes and
# src/base/lazy_library.cpp resolves. PUBLIC or PRIVATE say who sees their headers.
function(gaze_link_lazily target)
  cmake_parse_arguments(LAZY "" "" "PUBLIC;PRIVATE" ${ARGN})
  if(NOT CMAKE_SYSTEM_PROCESSOR STREQUAL x86_64 OR GAZE_SANITIZE)
    target_link_libraries(${target} PUBLIC ${LAZY_PUBLIC} PRIVATE ${LAZY_PRIVATE})
    return()
  endif()
  set(files)
  foreach(scope PUBLIC PRIVATE)
    foreach(library ${LAZY_${scope}})
      gaze_headers_of(${library})
      target_link_libraries(${target} ${scope} ${library}_headers)
      get_target_property(type ${library} TYPE)
      if(type STREQUAL INTERFACE_LIBRARY)  # pkg-config's: a list of files
        get_target_property(linked ${library} INTERFACE_LINK_LIBRARIES)
        list(APPEND files ${linked})
      else()
        list(APPEND files $<TARGET_FILE:${library}>)
      endif()
    endforeach()
  endforeach()
  set(stubs ${CMAKE_BINARY_DIR}/lazy/${target}.s)
  add_custom_command(
    OUTPUT ${stubs}
    COMMAND ${Python3_EXECUTABLE} -B ${CMAKE_SOURCE_DIR}/cmake/lazy_stubs.py ${CMAKE_NM} $<TARGET_FILE:${target}>
            ${stubs} ${files}
    DEPENDS ${target} ${CMAKE_SOURCE_DIR}/cmake/lazy_stubs.py
    VERBATIM)
  add_library(${target}_lazy STATIC ${stubs})
  set_target_properties(${target}_lazy PROPERTIES LINKER_LANGUAGE CXX)
  target_link_libraries(${target}_lazy PRIVATE gaze_base)
  target_link_libraries(${target} INTERFACE ${target}_lazy)
endfunction()

# LIBRARY_headers: what compiling against LIBRARY needs, and nothing to link.
function(gaze_headers_of library)
  if(TARGET ${library}_headers)
    return()
  endif()
  add_library(${library}_headers INTERFACE IMPORTED GLOBAL)
  foreach(property INTERFACE_INCLUDE_DIRECTORIES INTERFACE_COMPILE_DEFINITIONS INTERFACE_COMPILE_OPTIONS)
    get_target_property(value ${library} ${property})
    if(value)
      set_property(TARGET ${library}_headers PROPERTY ${property} ${value})
    endif()
  endforeach()
endfunction()
