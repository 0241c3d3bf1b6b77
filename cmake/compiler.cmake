# No -march: kernels choose their instruction set at run time, everything else runs on any x86-64.
# Designated initialisers leave fields at their defaults on purpose: no -Wmissing-field-initializers.
add_compile_options(-Wall -Wextra -Wshadow -Wnon-virtual-dtor -Wno-missing-field-initializers -Werror)
if(CMAKE_CXX_COMPILER_ID STREQUAL GNU)
  add_compile_options(-Wno-restrict)  # GCC 12 sees overlaps in `"x" + string` that are not there (bug 105651)
endif()
# A read of the sources' own asserts (GAZE_CHECK) stays on in every build type; NDEBUG only silences libraries.
if(GAZE_SANITIZE OR GAZE_FUZZ)
  add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer -g1)
  add_link_options(-fsanitize=address,undefined)
endif()
if(GAZE_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
if(CMAKE_UNITY_BUILD)  # several sources in one: what GCC then takes for a header, and names that only seem to hide others
  add_compile_options(-Wno-shadow -Wno-subobject-linkage)
endif()
