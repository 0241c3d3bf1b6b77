# What `make install` puts under PREFIX: the program with its model, manual and completions; libgaze with its headers.
set(rooms base tensor media text weights ops nn generate models index catalog providers tasks)

# One shared library of all rooms but the doors, so that a program links `gaze` and nothing else.
list(TRANSFORM rooms REPLACE "(.+)" "$<TARGET_OBJECTS:gaze_\\1>" OUTPUT_VARIABLE objects)
add_library(gaze_shared SHARED ${objects})
target_link_libraries(gaze_shared PRIVATE gaze_tasks)  # for the libraries behind the rooms
target_link_options(gaze_shared PRIVATE -Wl,--no-undefined)
set_target_properties(gaze_shared PROPERTIES OUTPUT_NAME gaze LINKER_LANGUAGE CXX VERSION ${PROJECT_VERSION}
                      SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})

install(TARGETS gaze RUNTIME DESTINATION bin)
install(TARGETS gaze_shared LIBRARY DESTINATION lib)
install(DIRECTORY models/gaze-mini DESTINATION share/gaze/models)
install(FILES LICENSE DESTINATION share/doc/gaze)
foreach(room ${rooms})
  install(DIRECTORY src/${room} DESTINATION include/gaze FILES_MATCHING PATTERN "*.h"
          PATTERN "testing.h" EXCLUDE PATTERN "test_support.h" EXCLUDE PATTERN "*-inl.h" EXCLUDE PATTERN "zh" EXCLUDE)
endforeach()
configure_file(cmake/gaze.pc.in gaze.pc @ONLY)
install(FILES ${CMAKE_BINARY_DIR}/gaze.pc DESTINATION lib/pkgconfig)

# Written by the program itself, from the table of commands.
function(install_written destination language)
  install(CODE "
    set(file \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${destination}\")
    message(STATUS \"Writing: \${file}\")
    cmake_path(GET file PARENT_PATH folder)
    file(MAKE_DIRECTORY \${folder})
    execute_process(COMMAND \${CMAKE_COMMAND} -E env LC_ALL=${language} GAZE_HOME=/nowhere XDG_CONFIG_HOME=/nowhere
                            $<TARGET_FILE:gaze> ${ARGN} OUTPUT_FILE \${file} COMMAND_ERROR_IS_FATAL ANY)")
endfunction()
install_written(share/man/man1/gaze.1 C help --man)
install_written(share/man/zh_CN/man1/gaze.1 zh_CN.UTF-8 help --man)
install_written(share/bash-completion/completions/gaze C completion bash)
install_written(share/zsh/site-functions/_gaze C completion zsh)
install_written(share/fish/vendor_completions.d/gaze.fish C completion fish)
