#include "models/chat_models.h"

#include <array>
#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/message.h"
#include "models/checkpoint.h"
#include "models/idefics3/picture_encoder.h"
#include "models/llava/mmproj.h"
#include "models/llava/picture_encoder.h"
#include "models/quantised_checkpoint.h"
#include "models/registry.h"
#include "weights/views.h"

namespace gaze {
namespace {

namespace fs = std::filesystem;
using llama::ChatModel;

// chat_template of a JSON file: a text, or a list of named ones of which "default" counts; empty where there is none.
std::string chat_template_of(const fs::path& file) {
  std::error_code ignored;
  if (!fs::is_regular_file(file, ignored)) return {};
  const Json json = read_json_file(file);
  const auto found = json.is_object() ? json.find("chat_template") : json.end();
  if (found == json.end()) return {};
  if (found->is_string()) return found->get<std::string>();
  for (const Json& each : found->is_array() ? *found : Json::array()) {
    const bool named = each.is_object() && each.value("name", Json()) == "default" && each.contains("template");
    if (named && each["template"].is_string()) return each["template"].get<std::string>();
  }
  return {};
}

// Where the releases of transformers write it, the newest first.
std::string chat_template_in(const fs::path& folder) {
  std::error_code ignored;
  if (fs::is_regular_file(folder / "chat_template.jinja", ignored)) {
    return to_valid_utf8(read_text_file(folder / "chat_template.jinja", MiB));
  }
  for (const char* name : {"chat_template.json", "processor_config.json", "tokenizer_config.json"}) {
    if (std::string found = chat_template_of(folder / name); !found.empty()) return found;
  }
  return {};
}

// The end tokens of generation_config.json, else of config.json, else of its text part, else LLaMA's.
std::vector<TokenId> end_tokens(const Checkpoint& checkpoint, const Json& text_config) {
  Json ends = checkpoint.config.value("eos_token_id", text_config.value("eos_token_id", Json(2)));
  std::string origin = checkpoint.config_name();
  std::error_code ignored;
  if (const fs::path file = checkpoint.folder / "generation_config.json"; fs::is_regular_file(file, ignored)) {
    const Json json = read_json_file(file);
    if (json.is_object() && json.contains("eos_token_id")) {
      ends = json["eos_token_id"];
      origin = display(file);
    }
  }
  GenerationConfig config;
  apply_generation_config({{"eos_token_id", std::move(ends)}}, origin, config);
  return config.eos_token_ids;
}

// All but the eyes, and the weights under the names as they are.
ChatModel::Parts text_parts(const Checkpoint& checkpoint, const Json& text_config, llama::Config config) {
  ChatModel::Parts parts;
  parts.origin = checkpoint.weights_name();
  parts.config = std::move(config);
  if (is_quantised_checkpoint(checkpoint.folder)) parts.config.rotary_pairs = RotaryPairs::adjacent;
  parts.weights = checkpoint.weights;
  parts.tokenizer = open_tokenizer(checkpoint, parts.config.vocab_size);
  parts.jinja = chat_template_in(checkpoint.folder);
  parts.chat_template = ChatTemplate::recognise(parts.jinja);
  parts.defaults.eos_token_ids = end_tokens(checkpoint, text_config);
  return parts;
}

ChatModel::Parts open_llama(const Checkpoint& checkpoint, Precision) {
  return text_parts(checkpoint, checkpoint.config, llama::parse_config({checkpoint.config, checkpoint.config_name()}));
}

ChatModel::Parts open_llava(const Checkpoint& checkpoint, Precision precision) {
  const llava::Config config = llava::parse_config({checkpoint.config, checkpoint.config_name()});
  ChatModel::Parts parts = text_parts(checkpoint, checkpoint.config.value("text_config", Json::object()), config.text);
  parts.weights = renamed(checkpoint.weights, parts.origin, llava::canonical_name);
  // The first checkpoints carry no template: they were all Vicunas.
  if (parts.chat_template.form() == ChatForm::plain) parts.chat_template = ChatTemplate(ChatForm::vicuna);
  llava::LlavaPictures::add_rows(parts.table, config);
  parts.make_pictures = [config, precision, weights = parts.weights,
                         processor = open_image_processor(checkpoint.folder, config.vision.image_size)] {
    return std::make_unique<const llava::LlavaPictures>(WeightScope(weights, precision), config, processor);
  };
  return parts;
}

ChatModel::Parts open_idefics3(const Checkpoint& checkpoint, Precision precision) {
  idefics3::Config config = idefics3::parse_config({checkpoint.config, checkpoint.config_name()});
  const auto weights = renamed(checkpoint.weights, checkpoint.weights_name(), idefics3::canonical_name);
  config.text.tie_word_embeddings = weights->find("lm_head.weight") == nullptr;  // said in two places, or in none
  ChatModel::Parts parts = text_parts(checkpoint, checkpoint.config.value("text_config", Json::object()), config.text);
  parts.weights = weights;
  if (parts.chat_template.form() == ChatForm::plain) parts.chat_template = ChatTemplate(ChatForm::smolvlm);
  idefics3::Idefics3Pictures::add_rows(parts.table, config);
  const fs::path file = checkpoint.folder / "preprocessor_config.json";
  parts.make_pictures =
      [config, precision, weights, words = parts.tokenizer.get(),
       processor = idefics3::parse_tile_processor(read_json_file(file), display(file), config.vision.image_size)] {
        return std::make_unique<const idefics3::Idefics3Pictures>(WeightScope(weights, precision), config, processor,
                                                                  *words);
      };
  return parts;
}

struct Family {
  std::string_view architecture, model_type;
  bool pictures;
  ChatModel::Parts (*open)(const Checkpoint&, Precision);
};
constexpr std::array kFamilies{
    Family{"LlamaForCausalLM", "llama", false, open_llama},
    Family{"Idefics3ForConditionalGeneration", "idefics3", true, open_idefics3},
    Family{"SmolVLMForConditionalGeneration", "smolvlm", true, open_idefics3},
    Family{"LlavaForConditionalGeneration", "llava", true, open_llava},
};

const Family* family_of(const Json& config) {
  if (!config.is_object()) return nullptr;
  const std::string name = architecture_of(config);
  for (const Family& family : kFamilies) {
    if (name == family.architecture || name == family.model_type) return &family;
  }
  return nullptr;
}

}  // namespace

bool is_chat_model(const Json& config) {
  return family_of(config) != nullptr;
}

bool is_picture_chat_model(const Json& config) {
  const Family* family = family_of(config);
  return family && family->pictures;
}

llama::ChatModel::Parts open_chat_parts(const fs::path& folder, Precision precision) {
  const Checkpoint checkpoint = open_checkpoint(folder);
  const Family* family = family_of(checkpoint.config);
  if (!family) {
    std::string supported;
    for (const Family& each : kFamilies) supported.append(supported.empty() ? "" : ", ").append(each.architecture);
    throw Error(ErrorCode::unsupported_model,
                message("{}: \"{}\" is not a model that {}", checkpoint.config_name(),
                        architecture_of(checkpoint.config), message("answers questions about pictures")),
                message("supported: {}", supported));
  }
  return family->open(checkpoint, precision);
}

std::unique_ptr<const ChatModel> load_chat_model(const fs::path& path, Precision precision, const fs::path& mmproj) {
  if (!llama::is_gguf(path)) {
    if (mmproj.empty()) return std::make_unique<const ChatModel>(open_chat_parts(path, precision), precision);
    throw Error(ErrorCode::usage, message("{}: only a .gguf file takes another one for its pictures", display(path)),
                message("leave --mmproj out"));
  }
  ChatModel::Parts parts = llama::gguf_parts(map_weight_file(path));
  if (!mmproj.empty()) {
    parts.make_pictures = [file = map_weight_file(mmproj), config = parts.config, words = parts.tokenizer.get(),
                           precision] { return llava::open_mmproj(file, config, *words, precision); };
    if (parts.chat_template.form() == ChatForm::plain) parts.chat_template = ChatTemplate(ChatForm::vicuna);
  }
  return std::make_unique<const ChatModel>(std::move(parts), precision);
}

}  // namespace gaze
