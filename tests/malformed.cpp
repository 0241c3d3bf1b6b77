// Decodes every file of a folder and tells how each ended. Usage: gaze_malformed [--list] FOLDER
// Fails where a file takes more than a second of CPU or the process grows by more than 256 MiB; a crash or a
// sanitizer's report fails by itself. --list prints "path<TAB>width height crc32" or "path<TAB>refused: why", for
// tools/compare_malformed.
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <vector>

#include <sys/resource.h>
#include <zlib.h>

#include "base/error.h"
#include "base/limits.h"
#include "media/image.h"

namespace {

#if defined(__SANITIZE_ADDRESS__)
constexpr double kSeconds = 10;
constexpr long kGrowthKiB = 2L << 20;  // the sanitizer keeps freed memory for a while
#else
constexpr double kSeconds = 1;
constexpr long kGrowthKiB = 256L << 10;
#endif

double cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

long peak_kib() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss;
}

}  // namespace

int main(int argc, char** argv) {
  const bool list = argc == 3 && std::strcmp(argv[1], "--list") == 0;
  if (argc != (list ? 3 : 2)) return 2;
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(argv[argc - 1])) {
    if (entry.is_regular_file()) paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());

  const long before = peak_kib();
  std::size_t pictures = 0;
  double slowest = 0;
  int faults = 0;
  for (const auto& path : paths) {
    const double start = cpu_seconds();
    try {
      const gaze::Image image = gaze::load_image(path, {.exif_rotation = false});
      ++pictures;
      if (list) {
        const auto crc = crc32_z(0, image.rgb.data(), image.rgb.size());
        std::printf("%s\t%d %d %lu\n", path.c_str(), image.width, image.height, crc);
      }
    } catch (const gaze::Error& error) {
      if (list) std::printf("%s\trefused: %s\n", path.c_str(), error.message().c_str());
    }
    const double seconds = cpu_seconds() - start;
    slowest = std::max(slowest, seconds);
    if (seconds > kSeconds) {
      std::fprintf(stderr, "%s: %.2f s\n", path.c_str(), seconds);
      ++faults;
    }
  }
  const long growth = peak_kib() - before;
  std::fprintf(stderr, "%zu files, %zu pictures, slowest %.3f s, grew by %ld MiB\n", paths.size(), pictures, slowest,
               growth / 1024);
  return faults > 0 || growth > kGrowthKiB || paths.empty() ? 1 : 0;
}
