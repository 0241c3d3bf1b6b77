# Every library comes from Debian 12; `make deps` installs them. One line a dependency, with its job.
find_package(Threads REQUIRED)
find_package(Python3 REQUIRED COMPONENTS Interpreter)  # tools of the build, tests
find_package(OpenMP REQUIRED COMPONENTS CXX)
find_package(PkgConfig REQUIRED)
find_package(fmt REQUIRED)            # formatted text
find_package(nlohmann_json REQUIRED)  # JSON
find_package(GTest REQUIRED)          # tests
find_package(ZLIB REQUIRED)           # PyTorch's zip archives, PNG checksums
find_package(hwy REQUIRED)            # SIMD of our own kernels
find_package(GIF REQUIRED)            # GIF pictures
find_package(CLI11 REQUIRED)          # command line
find_package(tomlplusplus REQUIRED)   # config.toml

pkg_check_modules(JPEG REQUIRED IMPORTED_TARGET libjpeg)
pkg_check_modules(PNG REQUIRED IMPORTED_TARGET libpng)
pkg_check_modules(WEBP REQUIRED IMPORTED_TARGET libwebp libwebpdemux)
pkg_check_modules(TIFF REQUIRED IMPORTED_TARGET libtiff-4)
pkg_check_modules(HEIF REQUIRED IMPORTED_TARGET libheif)
pkg_check_modules(SIXEL REQUIRED IMPORTED_TARGET libsixel)           # pictures in terminals
pkg_check_modules(EXIV2 REQUIRED IMPORTED_TARGET exiv2)             # captions written into pictures (XMP)
pkg_check_modules(PANGOCAIRO REQUIRED IMPORTED_TARGET pangocairo)  # contact sheets, captions under pictures
pkg_check_modules(ICU REQUIRED IMPORTED_TARGET icu-uc icu-i18n)    # Unicode
pkg_check_modules(SQLITE REQUIRED IMPORTED_TARGET sqlite3)
pkg_check_modules(CURL REQUIRED IMPORTED_TARGET libcurl)
pkg_check_modules(CRYPTO REQUIRED IMPORTED_TARGET libcrypto)       # SHA-256
pkg_check_modules(EDIT REQUIRED IMPORTED_TARGET libedit)           # lines typed in `gaze chat`
pkg_check_modules(XXHASH REQUIRED IMPORTED_TARGET libxxhash)       # checksums of scan files

# Keys from the desktop's keyring: wanted, not needed.
pkg_check_modules(SECRET IMPORTED_TARGET libsecret-1)
if(NOT SECRET_FOUND)
  message(STATUS "libsecret-1 is absent: keys are not looked for in the keyring (Debian: libsecret-1-dev)")
endif()

# oneDNN: matrix products, convolutions. Debian's own config file asks for OpenCL headers that nothing here needs.
find_library(DNNL_LIBRARY dnnl REQUIRED)
find_path(DNNL_INCLUDE oneapi/dnnl/dnnl.hpp REQUIRED)
add_library(DNNL::dnnl SHARED IMPORTED)
set_target_properties(DNNL::dnnl PROPERTIES IMPORTED_LOCATION ${DNNL_LIBRARY} INTERFACE_INCLUDE_DIRECTORIES ${DNNL_INCLUDE})
