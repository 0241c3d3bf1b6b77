#include "models/llama/chat_model.h"

#include <algorithm>
#include <utility>

#include "models/checkpoint.h"
#include "models/llama/gguf.h"
#include "weights/views.h"

namespace gaze::llama {
namespace {

namespace fs = std::filesystem;

// How the products see the weights in the precision that was asked for.
WeightScope scope_for(std::shared_ptr<const WeightSource> weights, Precision precision) {
  if (precision == Precision::f32) return {without_blocks(std::move(weights)), Precision::f32};
  if (precision == Precision::bf16) return {std::move(weights), Precision::bf16};
  return {with_q8_blocks(std::move(weights)), Precision::automatic};
}

// The parts, all of whose weights are there.
ChatModel::Parts checked(ChatModel::Parts parts) {
  TextModel::add_rows(parts.table, "model", "lm_head", parts.config);
  parts.table.check(*parts.weights, parts.origin);
  return parts;
}

// The end tokens of the checkpoint and of its chat form, each once.
void add_end(TokenId id, GenerationConfig& config) {
  if (id >= 0 && std::ranges::find(config.eos_token_ids, id) == config.eos_token_ids.end()) {
    config.eos_token_ids.push_back(id);
  }
}

}  // namespace

ChatModel::ChatModel(Parts parts, Precision precision)
    : parts_(checked(std::move(parts))),
      parameters_(count_parameters(*parts_.weights)),
      text_model_(scope_for(parts_.weights, precision) / "model", scope_for(parts_.weights, precision) / "lm_head",
                  parts_.config) {
  const std::string_view end = parts_.chat_template.end_of_answer();
  if (!end.empty()) add_end(parts_.tokenizer->id(end), parts_.defaults);
  if (parts_.make_pictures) pictures_ = parts_.make_pictures();
}

bool is_gguf(const fs::path& path) {
  return path.extension() == ".gguf";
}

ChatModel::Parts gguf_parts(const WeightFile& file) {
  GgufModel model = read_gguf(file);
  ChatModel::Parts parts;
  parts.origin = file.origin;
  parts.config = std::move(model.config);
  parts.weights = std::move(model.weights);
  parts.tokenizer = std::move(model.tokenizer);
  parts.chat_template = ChatTemplate::recognise(model.chat_template);
  add_end(parts.tokenizer->special_tokens().eos, parts.defaults);
  return parts;
}

std::unique_ptr<const ChatModel> load_gguf(const WeightFile& file, Precision precision) {
  return std::make_unique<const ChatModel>(gguf_parts(file), precision);
}

}  // namespace gaze::llama
