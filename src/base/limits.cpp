#include "base/limits.h"

namespace gaze {
namespace {
Limits& current() {
  static Limits value;
  return value;
}

constexpr LimitField kFields[] = {
    {"image_pixels", &Limits::image_pixels},
    {"image_side", &Limits::image_side},
    {"image_file_bytes", &Limits::image_file_bytes},
    {"safetensors_header_bytes", &Limits::safetensors_header_bytes},
    {"json_depth", &Limits::json_depth},
    {"json_file_bytes", &Limits::json_file_bytes},
    {"tensor_dimensions", &Limits::tensor_dimensions},
    {"tensor_name_bytes", &Limits::tensor_name_bytes},
    {"pickle_bytes", &Limits::pickle_bytes},
    {"pickle_values", &Limits::pickle_values},
    {"vocabulary_ids", &Limits::vocabulary_ids},
    {"token_bytes", &Limits::token_bytes},
    {"vocabulary_bytes", &Limits::vocabulary_bytes},
    {"text_bytes", &Limits::text_bytes},
};
static_assert(sizeof(kFields) / sizeof(kFields[0]) == sizeof(Limits) / sizeof(std::int64_t), "every limit has a name");
}  // namespace

const Limits& limits() {
  return current();
}
void set_limits(const Limits& value) {
  current() = value;
}

std::span<const LimitField> limit_fields() {
  return kFields;
}

}  // namespace gaze
