#include "tasks/talk_needs.h"

#include <algorithm>
#include <string_view>
#include <system_error>

#include "base/file.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/message.h"
#include "models/chat_models.h"
#include "models/checkpoint.h"
#include "models/llama/gguf.h"
#include "models/llama/text_model.h"
#include "models/llava/own_layout.h"
#include "models/mmproj.h"
#include "models/quantised_checkpoint.h"
#include "weights/gguf.h"

namespace gaze {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kProgram = 24 * MiB, kFloat = sizeof(float);
constexpr std::int64_t kPart = 768;    // of a prompt is read at a time
constexpr std::int64_t kTiles = 4;     // of a picture that is cut go through the tower at once
constexpr double kFourBits = 4.9 / 8;  // bytes a weight, with scales and what stays in eight bits

bool is_of_eyes(std::string_view name) {
  for (const std::string_view part : {"vision_", "multi_modal", "mm_projector", "connector", "image_newline"}) {
    if (name.find(part) != std::string_view::npos) return true;
  }
  return false;
}

// As the products see a tensor of the language model.
std::int64_t text_bytes(const WeightSource& weights, const TensorInfo& info, Precision precision) {
  const std::int64_t elements = info.shape.elements(), block = block_elements(BlockType::q8_0);
  if (precision == Precision::f32) return elements * kFloat;
  if (const auto blocks = weights.blocks(info.name)) return std::ssize(blocks->bytes);
  const bool divides = info.shape.rank() == 2 && info.shape[1] % block == 0;
  if (precision != Precision::bf16 && divides) return elements / block * block_bytes(BlockType::q8_0);
  return elements * std::int64_t{sizeof(Bf16)};
}

std::int64_t eye_bytes(const TensorInfo& info, Precision precision) {
  const Precision own = resolve(precision);
  return info.shape.elements() * (own == Precision::f32 ? kFloat : own == Precision::bf16 ? 2 : 1);
}

// Activations of pictures in a tower: queries, keys, values, the hidden layer of four widths, two residuals; pixels.
std::int64_t look_bytes(const Json& vision, std::int64_t tiles) {
  constexpr std::int64_t kWidths = 10;
  const auto number = [&](const char* name, std::int64_t absent) {
    const auto value = vision.find(name);
    const bool whole = value != vision.end() && value->is_number_integer();
    return whole ? std::clamp<std::int64_t>(value->get<std::int64_t>(), 1, 65536) : absent;
  };
  const std::int64_t side = number("image_size", 224), patches = side / number("patch_size", 32);
  return tiles * (patches * patches * number("hidden_size", 768) * kWidths + 3 * side * side) * kFloat;
}

void add_text(const llama::Config& config, Precision precision, KvCacheType kept, TalkNeeds& needs) {
  const std::int64_t widths =
      3 * config.hidden_size + config.query_width() + 2 * config.key_width() + 3 * config.intermediate_size;
  needs.most_positions = config.max_position_embeddings;
  needs.a_position = llama::cache_shape(config, precision, kept, 1).bytes();
  needs.a_position_in_int8 = llama::cache_shape(config, precision, KvCacheType::int8, 1).bytes();
  needs.work = kProgram + std::min<std::int64_t>(kPart, needs.most_positions) * widths * kFloat;
}

TalkNeeds needs_of_file(const fs::path& model, const fs::path& eyes, Precision precision, KvCacheType kept) {
  TalkNeeds needs{.is_file = true};
  const GgufFile file(map_weight_file(model));
  add_text(llama::read_gguf_config(file, display(model)), precision, kept, needs);
  for (const TensorInfo& info : file.tensors()) {
    needs.weights += text_bytes(file, info, precision);
    needs.in_four_bits += static_cast<std::int64_t>(static_cast<double>(info.shape.elements()) * kFourBits);
  }
  needs.is_quantised = needs.weights <= needs.in_four_bits;
  if (eyes.empty()) return needs;
  const GgufFile tower(map_weight_file(eyes));
  std::int64_t seeing = 0;
  for (const TensorInfo& info : tower.tensors()) seeing += eye_bytes(info, precision);
  needs.weights += seeing, needs.in_four_bits += seeing;
  const bool tiles = tower.metadata().text("clip.projector_type", "mlp") != "mlp";
  needs.work += look_bytes(mmproj_vision_config(tower.metadata(), ""), tiles ? kTiles : 1);
  return needs;
}

TalkNeeds needs_of_folder(const fs::path& folder, const fs::path& eyes, Precision precision, KvCacheType kept) {
  TalkNeeds needs{.is_quantised = is_quantised_checkpoint(folder)};
  const Checkpoint checkpoint = open_checkpoint(folder);
  add_text(language_config(checkpoint.config, checkpoint.config_name()), precision, kept, needs);
  std::int64_t text = 0, seeing = 0;
  for (const TensorInfo& info : checkpoint.weights->tensors()) {
    if (is_of_eyes(info.name)) {
      seeing += eye_bytes(info, precision);
    } else {
      needs.weights += text_bytes(*checkpoint.weights, info, precision);
      text += info.shape.elements();
    }
  }
  Json vision = checkpoint.config.value("vision_config", Json::object());
  if (!eyes.empty()) {
    const Checkpoint tower = open_checkpoint(eyes);
    vision = tower.config.value("vision_config", Json::object());
    for (const TensorInfo& info : tower.weights->tensors()) {
      if (llava::name_of_tower(info.name)) seeing += eye_bytes(info, precision);
    }
  }
  needs.weights += seeing;
  needs.in_four_bits = static_cast<std::int64_t>(static_cast<double>(text) * kFourBits) + seeing;
  if (seeing > 0) {
    const std::string kind = checkpoint.config.value("model_type", Json("")).dump();
    needs.work += look_bytes(vision, kind == R"("llava")" ? 1 : kTiles);
  }
  return needs;
}

}  // namespace

std::int64_t TalkNeeds::bytes(std::int64_t positions) const {
  return weights + work + a_position * std::min(positions, most_positions);
}

std::int64_t TalkNeeds::positions_in(std::int64_t memory) const {
  return std::min(most_positions, (memory - weights - work) / std::max<std::int64_t>(a_position, 1));
}

TalkNeeds TalkNeeds::in_int8() const {
  TalkNeeds needs = *this;
  needs.a_position = a_position_in_int8;
  return needs;
}

TalkNeeds needs_to_talk(const fs::path& model, const fs::path& eyes, Precision precision, KvCacheType kept) {
  std::error_code ignored;
  return fs::is_directory(model, ignored) ? needs_of_folder(model, eyes, precision, kept)
                                          : needs_of_file(model, eyes, precision, kept);
}

std::string what_would_fit(const TalkNeeds& needs, const std::string& name, std::int64_t memory) {
  TalkNeeds smaller = needs;
  smaller.weights = needs.in_four_bits;
  const std::int64_t four_bits = smaller.bytes(kLongTalk), positions = needs.positions_in(memory);
  const std::int64_t in_int8 = needs.in_int8().positions_in(memory);
  std::string fewer_bits, shorter;
  if (!needs.is_quantised && four_bits <= memory) {
    fewer_bits =
        needs.is_file
            ? message("take a file of fewer bits a weight: in Q4_K_M it takes {} MiB", four_bits / MiB)
            : message("in four bits it takes {} MiB: gaze models quantise {} --to int4", four_bits / MiB, name);
  }
  if (in_int8 >= kShortTalk && in_int8 > positions) {
    shorter = positions < kShortTalk
                  ? message("with --kv-cache int8 conversations of up to {} tokens fit", in_int8)
                  : message("conversations of up to {} tokens fit, with --kv-cache int8 up to {}", positions, in_int8);
  } else if (positions >= kShortTalk) {
    shorter = message("conversations of up to {} tokens fit", positions);
  }
  if (fewer_bits.empty() && shorter.empty()) return message("choose a smaller model");
  return fewer_bits.empty() || shorter.empty() ? shorter + fewer_bits : message("{}; {}", shorter, fewer_bits);
}

}  // namespace gaze
