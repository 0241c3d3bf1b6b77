# Every library comes from Debian 12; `make deps` installs them. One line a dependency, with its job.
find_package(Threads REQUIRED)
find_package(OpenMP REQUIRED COMPONENTS CXX)
find_package(PkgConfig REQUIRED)
find_package(fmt REQUIRED)            # formatted text
find_package(nlohmann_json REQUIRED)  # JSON
find_package(GTest REQUIRED)          # tests
