// A conversation with a language model on this machine.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "nn/kv_cache.h"
#include "ops/precision.h"
#include "tasks/visual_chat.h"

namespace gaze {

struct LocalChatOptions {
  Precision precision = Precision::automatic;
  // Keys and values. automatic: int8, which is said, where a conversation fits into memory only so, but in float32.
  KvCacheType kept = KvCacheType::automatic;
  std::filesystem::path eyes;          // what load_chat_model takes as such, as ModelEntry has it; empty: none
  std::filesystem::path vision_cache;  // where what it saw is kept; empty: nowhere
  bool keeps_beginnings = false;       // there too, for the next question about the same pictures
  std::int64_t memory_bytes = 0;       // that it may take; 0: what this process may
};

// `path`: a checkpoint folder or a .gguf file; `name`: as in `"model"` of JSON.
// Errors: those of loading; out_of_memory where not even a short conversation fits into its memory. Longer ones are
// refused as they are asked for, before any work.
std::unique_ptr<VisualChat> open_local_chat(const std::filesystem::path& path, std::string name,
                                            const LocalChatOptions& options = {});

// Whether the checkpoint folder or file is a model that open_local_chat knows, by its config or its name.
bool is_local_chat(const std::filesystem::path& path);

}  // namespace gaze
