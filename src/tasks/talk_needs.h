// How much memory a conversation with a model here takes, told before anything is loaded.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "nn/kv_cache.h"
#include "ops/precision.h"

namespace gaze {

// Bytes. What positions of the conversation take grows with them, and is not taken before they are said.
struct TalkNeeds {
  std::int64_t weights = 0;     // of the language model and its eyes
  std::int64_t work = 0;        // the program; while a prompt is read, or a picture looked at
  std::int64_t a_position = 0;  // keys and values
  std::int64_t a_position_in_int8 = 0;
  std::int64_t most_positions = 0;
  std::int64_t in_four_bits = 0;  // of the weights, if they had no more
  bool is_file = false;           // a .gguf file
  bool is_quantised = false;      // in few bits already

  // Of a conversation of so many positions, or of what the model reads at most.
  std::int64_t bytes(std::int64_t positions) const;
  // How long a conversation may be in so much memory; 0 and less: none can.
  std::int64_t positions_in(std::int64_t memory) const;
  // The same model's with KvCacheType::int8.
  TalkNeeds in_int8() const;
};

inline constexpr std::int64_t kLongTalk = 2048;  // positions of some questions about a picture and their answers
inline constexpr std::int64_t kShortTalk = 128;  // below that no talk is begun

// `model`: a checkpoint folder or .gguf file, `eyes` as load_chat_model's; `kept`: its keys and values. Only
// descriptions are read.
// Errors: not_found, model_not_found, bad_weights, invalid_json, unsupported_model.
TalkNeeds needs_to_talk(const std::filesystem::path& model, const std::filesystem::path& eyes, Precision precision,
                        KvCacheType kept = KvCacheType::automatic);

// What somebody can do for whom a long conversation with the model `name` does not fit into `memory`.
std::string what_would_fit(const TalkNeeds& needs, const std::string& name, std::int64_t memory);

}  // namespace gaze
