#include "tasks/doctor.h"

#include <algorithm>
#include <fstream>
#include <string_view>

#include <fmt/format.h>
#include <gif_lib.h>
#include <libheif/heif.h>
#include <oneapi/dnnl/dnnl.h>
#include <pango/pango.h>
#include <png.h>
#include <sqlite3.h>
#include <tiffio.h>
#include <unicode/uversion.h>
#include <unistd.h>
#include <webp/decode.h>

#include "base/threads.h"

namespace gaze {
namespace {

std::string cpu_name() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("model name")) return line.substr(std::min(line.size(), line.find(": ") + 2));
  }
  return "unknown";
}

std::string isa_name() {
  switch (dnnl_get_effective_cpu_isa()) {
    case dnnl_cpu_isa_sse41:
      return "sse41";
    case dnnl_cpu_isa_avx:
      return "avx";
    case dnnl_cpu_isa_avx2:
      return "avx2";
    case dnnl_cpu_isa_avx2_vnni:
      return "avx2_vnni";
    case dnnl_cpu_isa_avx512_core:
      return "avx512";
    case dnnl_cpu_isa_avx512_core_vnni:
      return "avx512_vnni";
    case dnnl_cpu_isa_avx512_core_bf16:
      return "avx512_bf16";
    case dnnl_cpu_isa_avx512_core_amx:
      return "avx512_amx";
    default:
      return "generic";
  }
}

// cgroup v2, then v1; "max" or nothing leaves the machine's.
std::int64_t memory_limit(std::int64_t machine) {
  for (const char* path : {"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"}) {
    std::ifstream file(path);
    if (std::int64_t bytes = 0; file >> bytes && bytes > 0) return std::min(bytes, machine);
  }
  return machine;
}

std::string triple(int packed) {
  return fmt::format("{}.{}.{}", packed >> 16 & 255, packed >> 8 & 255, packed & 255);
}

// "LIBTIFF, Version 4.5.0\nCopyright …" → "4.5.0"
std::string tiff_version() {
  const std::string_view text = TIFFGetVersion();
  const std::size_t start = text.find_first_of("0123456789");
  return start == std::string_view::npos ? "" : std::string(text.substr(start, text.find('\n') - start));
}

std::string icu_version() {
  UVersionInfo version;
  u_getVersion(version);
  return fmt::format("{}.{}", version[0], version[1]);
}

}  // namespace

Machine examine_machine() {
  Machine machine;
  machine.cpu = cpu_name();
  machine.isa = isa_name();
  machine.memory_bytes = memory_limit(static_cast<std::int64_t>(::sysconf(_SC_PHYS_PAGES)) * ::sysconf(_SC_PAGESIZE));
  machine.threads = compute_threads();
  const dnnl_version_t* dnnl = dnnl_version();
  machine.dependencies = {
      {"oneDNN", fmt::format("{}.{}.{}", dnnl->major, dnnl->minor, dnnl->patch)},
      {"SQLite", sqlite3_libversion()},
      {"ICU", icu_version()},
      {"libpng", png_get_libpng_ver(nullptr)},
      {"libwebp", triple(WebPGetDecoderVersion())},
      {"libtiff", tiff_version()},
      {"giflib", fmt::format("{}.{}.{}", GIFLIB_MAJOR, GIFLIB_MINOR, GIFLIB_RELEASE)},
      {"libheif", heif_get_version()},
      {"Pango", pango_version_string()},
  };
  return machine;
}

}  // namespace gaze
