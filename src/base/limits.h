// How much of anything from outside is accepted. Each can be raised by configuration (`gaze config`).
#pragma once

#include <cstdint>
#include <span>

namespace gaze {

inline constexpr std::int64_t KiB = 1024;
inline constexpr std::int64_t MiB = 1024 * KiB;
inline constexpr std::int64_t GiB = 1024 * MiB;

struct Limits {
  // Pictures: refused by the header, before any pixel memory.
  std::int64_t image_pixels = 64'000'000;
  std::int64_t image_side = 65'535;
  std::int64_t image_file_bytes = 256 * MiB;

  // Checkpoints.
  std::int64_t safetensors_header_bytes = 100'000'000;
  std::int64_t json_depth = 64;
  std::int64_t json_file_bytes = 256 * MiB;  // tokenizer.json of large vocabularies is some 30 MB
  std::int64_t tensor_dimensions = 8;
  std::int64_t tensor_name_bytes = 1024;
  std::int64_t pickle_bytes = 16 * MiB;    // torch writes about 250 bytes a tensor
  std::int64_t pickle_values = 2'000'000;  // about 20 a tensor; each takes some 100 bytes of memory

  // Tokenizers. The largest published vocabularies have some 260,000 tokens of up to some 300 bytes.
  std::int64_t vocabulary_ids = 4'000'000;
  std::int64_t token_bytes = 4096;
  std::int64_t vocabulary_bytes = 16 * MiB;  // all tokens together

  // Text given by a user.
  std::int64_t text_bytes = 16 * MiB;
};

// The limits in force. Set once at start, before any thread reads them.
const Limits& limits();
void set_limits(const Limits& value);

// The fields by name, for config.toml and the environment.
struct LimitField {
  const char* name;
  std::int64_t Limits::*value;
};
std::span<const LimitField> limit_fields();

}  // namespace gaze
