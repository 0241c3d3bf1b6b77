#include "tasks/doctor.h"

#include <algorithm>
#include <fstream>
#include <string_view>

#include <cairo.h>
#include <curl/curl.h>
#include <exiv2/exiv2.hpp>
#include <fmt/format.h>
#include <gif_lib.h>
#include <jpeglib.h>
#include <libheif/heif.h>
#include <oneapi/dnnl/dnnl.h>
#include <openssl/crypto.h>
#include <pango/pango.h>
#include <png.h>
#include <sixel.h>
#include <sqlite3.h>
#include <tiffio.h>
#include <unicode/uversion.h>
#include <unistd.h>
#include <webp/decode.h>
#include <zlib.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/message.h"
#include "base/threads.h"
#include "ops/isa.h"
#include "tasks/local_chat.h"
#include "tasks/talk_needs.h"

namespace gaze {

namespace fs = std::filesystem;

namespace {

// cgroup v2, then v1; "max" or nothing leaves the machine's.
std::int64_t memory_limit(std::int64_t machine) {
  for (const char* path : {"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"}) {
    std::ifstream file(path);
    if (std::int64_t bytes = 0; file >> bytes && bytes > 0) return std::min(bytes, machine);
  }
  return machine;
}

// A whole number of vision_config (an image_size may be a pair, of which the first counts); 0 where there is none.
std::int64_t vision_number(const Json& config, const char* name) {
  const auto vision = config.find("vision_config");
  const Json& from = vision == config.end() ? config : *vision;
  auto value = from.find(name);
  if (value == from.end()) return 0;
  const Json& number = value->is_array() && !value->empty() ? value->front() : *value;
  return number.is_number_integer() ? std::clamp<std::int64_t>(number.get<std::int64_t>(), 0, 65536) : 0;
}

constexpr std::int64_t kProgram = 24 * MiB;

// Weights, packed once (the file is mapped, and its pages can go); the pixels of a batch and of what lies ready for the
// next ones; activations of a batch: queries, keys, values, the hidden layer of four widths, two residuals. Measured
// with CLIP ViT-B/32: 429 MiB (f32), 245 (bf16), 168 (int8) for indexing, 493 and 142 (f32, int8) for matching.
std::int64_t bytes_needed(const ModelEntry& entry, Precision wanted) {
  constexpr std::int64_t kBatch = 16, kReady = 32, kWidths = 10, kFloat = sizeof(float);
  const Json config = read_json_file(entry.path / "config.json");
  const Precision precision = resolve(wanted);
  const std::int64_t side = vision_number(config, "image_size"), patch = vision_number(config, "patch_size");
  const std::int64_t tokens = patch > 0 ? (side / patch) * (side / patch) + 1 : 0;
  const std::int64_t weight = precision == Precision::f32 ? 4 : precision == Precision::bf16 ? 2 : 1;
  return kProgram + entry.parameters * weight + (kBatch + kReady) * 3 * side * side * kFloat +
         kBatch * kWidths * tokens * vision_number(config, "hidden_size") * kFloat;
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

// jconfig.h has 2.1.5 as 2001005.
std::string jpeg_version() {
  constexpr int kPacked = LIBJPEG_TURBO_VERSION_NUMBER;
  return fmt::format("{}.{}.{}", kPacked / 1'000'000, kPacked / 1000 % 1000, kPacked % 1000);
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
      {"libjpeg-turbo", jpeg_version()},
      {"libpng", png_get_libpng_ver(nullptr)},
      {"libwebp", triple(WebPGetDecoderVersion())},
      {"libtiff", tiff_version()},
      {"giflib", fmt::format("{}.{}.{}", GIFLIB_MAJOR, GIFLIB_MINOR, GIFLIB_RELEASE)},
      {"libheif", heif_get_version()},
      {"Exiv2", Exiv2::version()},
      {"Cairo", cairo_version_string()},
      {"Pango", pango_version_string()},
      {"libsixel", LIBSIXEL_VERSION},
      {"zlib", zlibVersion()},
      {"libcurl", curl_version_info(CURLVERSION_NOW)->version},
      {"OpenSSL", OpenSSL_version(OPENSSL_VERSION_STRING)},
  };
  return machine;
}

std::vector<ModelNeeds> needs_of_models(const ModelStore& store, Precision precision, const Machine& machine) {
  std::vector<ModelNeeds> all;
  for (const ModelEntry& entry : store.list()) {
    ModelNeeds needs{.name = entry.name, .fault = entry.fault};
    if (!entry.fault.empty()) {
      all.push_back(std::move(needs));
      continue;
    }
    try {
      if (is_local_chat(entry.path)) {
        const TalkNeeds talk = needs_to_talk(entry.path, entry.eyes, precision);
        needs.bytes = talk.bytes(kLongTalk);
        needs.proposal = what_would_fit(talk, entry.name, machine.memory_bytes);
      } else {
        needs.bytes = bytes_needed(entry, precision);
        needs.proposal = message("try --precision int8, or a smaller one");
      }
      needs.fits = needs.bytes <= machine.memory_bytes;
      if (needs.fits) needs.proposal.clear();
    } catch (const Error& error) {
      needs.fault = error.message();
    }
    all.push_back(std::move(needs));
  }
  return all;
}

}  // namespace gaze
