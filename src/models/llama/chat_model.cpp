#include "models/llama/chat_model.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/message.h"
#include "models/checkpoint.h"
#include "models/llama/gguf.h"
#include "nn/weight_table.h"
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

WeightTable weight_table(const Config& config) {
  WeightTable table;
  TextModel::add_rows(table, "model", "lm_head", config);
  return table;
}

// chat_template of tokenizer_config.json: a text, or a list of named ones of which "default" counts.
std::string chat_template_in(const fs::path& folder) {
  std::error_code ignored;
  if (fs::is_regular_file(folder / "chat_template.jinja", ignored)) {
    return to_valid_utf8(read_text_file(folder / "chat_template.jinja", MiB));
  }
  if (!fs::is_regular_file(folder / "tokenizer_config.json", ignored)) return {};
  const Json json = read_json_file(folder / "tokenizer_config.json");
  const auto found = json.is_object() ? json.find("chat_template") : json.end();
  if (found == json.end()) return {};
  if (found->is_string()) return found->get<std::string>();
  for (const Json& each : found->is_array() ? *found : Json::array()) {
    const bool named = each.is_object() && each.value("name", Json()) == "default" && each.contains("template");
    if (named && each["template"].is_string()) return each["template"].get<std::string>();
  }
  return {};
}

// The end tokens of the checkpoint and of its chat form, each once.
void add_end(TokenId id, GenerationConfig& config) {
  if (id >= 0 && std::ranges::find(config.eos_token_ids, id) == config.eos_token_ids.end()) {
    config.eos_token_ids.push_back(id);
  }
}

ChatModel::Parts folder_parts(const fs::path& folder) {
  const Checkpoint checkpoint = open_checkpoint(folder);
  if (!is_chat_model(checkpoint.config)) {
    throw Error(ErrorCode::unsupported_model, message("{}: not a LLaMA", checkpoint.config_name()),
                message("supported: {}", "LlamaForCausalLM (llama)"));
  }
  ChatModel::Parts parts;
  parts.origin = checkpoint.weights_name();
  parts.config = parse_config({checkpoint.config, checkpoint.config_name()});
  parts.weights = checkpoint.weights;
  parts.tokenizer = open_tokenizer(checkpoint, parts.config.vocab_size);
  parts.chat_template = ChatTemplate::recognise(chat_template_in(folder));
  GenerationConfig defaults;
  apply_generation_config({{"eos_token_id", checkpoint.config.value("eos_token_id", Json(2))}},
                          checkpoint.config_name(), defaults);
  std::error_code ignored;
  if (const fs::path file = folder / "generation_config.json"; fs::is_regular_file(file, ignored)) {
    const Json json = read_json_file(file);
    if (json.is_object() && json.contains("eos_token_id")) {
      apply_generation_config({{"eos_token_id", json["eos_token_id"]}}, display(file), defaults);
    }
  }
  parts.defaults.eos_token_ids = defaults.eos_token_ids;
  return parts;
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

std::unique_ptr<const ChatModel> load(ChatModel::Parts parts, Precision precision) {
  weight_table(parts.config).check(*parts.weights, parts.origin);
  return std::make_unique<const ChatModel>(std::move(parts), precision);
}

}  // namespace

ChatModel::ChatModel(Parts parts, Precision precision)
    : parts_(std::move(parts)),
      parameters_(count_parameters(*parts_.weights)),
      text_model_(scope_for(parts_.weights, precision) / "model", scope_for(parts_.weights, precision) / "lm_head",
                  parts_.config) {
  const std::string_view end = parts_.chat_template.end_of_answer();
  if (!end.empty()) add_end(parts_.tokenizer->id(end), parts_.defaults);
}

bool is_gguf(const fs::path& path) {
  return path.extension() == ".gguf";
}

bool is_chat_model(const Json& config) {
  if (!config.is_object()) return false;
  const auto list = config.find("architectures");
  if (list != config.end() && list->is_array() && !list->empty()) return list->front() == "LlamaForCausalLM";
  return config.value("model_type", Json()) == "llama";
}

std::unique_ptr<const ChatModel> load_chat_model(const fs::path& path, Precision precision) {
  return is_gguf(path) ? load_gguf(map_weight_file(path), precision) : load(folder_parts(path), precision);
}

std::unique_ptr<const ChatModel> load_gguf(const WeightFile& file, Precision precision) {
  return load(gguf_parts(file), precision);
}

}  // namespace gaze::llama
