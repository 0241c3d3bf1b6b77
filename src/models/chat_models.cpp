#include "models/chat_models.h"

#include <array>
#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/message.h"
#include "models/checkpoint.h"
#include "models/clip/config.h"
#include "models/idefics3/picture_encoder.h"
#include "models/llava/own_layout.h"
#include "models/llava/picture_encoder.h"
#include "models/llava_next/picture_encoder.h"
#include "models/mmproj.h"
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

ChatModel::Parts open_llama(const Checkpoint& checkpoint, Precision, const fs::path&) {
  return text_parts(checkpoint, checkpoint.config, llama::parse_config({checkpoint.config, checkpoint.config_name()}));
}

ChatModel::Parts open_llava(const Checkpoint& checkpoint, Precision precision, const fs::path&) {
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

ChatModel::Parts open_llava_next(const Checkpoint& checkpoint, Precision precision, const fs::path&) {
  const ConfigReader reader(checkpoint.config, checkpoint.config_name());
  const llava::Config config = llava_next::parse_config(reader);
  const Json text_config = checkpoint.config.value("text_config", Json::object());
  ChatModel::Parts parts = text_parts(checkpoint, text_config, config.text);
  parts.weights = renamed(checkpoint.weights, parts.origin, llava::canonical_name);
  const bool mistral = text_config.value("model_type", Json()) == "mistral";
  if (parts.chat_template.form() == ChatForm::plain || mistral) {
    parts.chat_template = ChatTemplate(mistral ? ChatForm::mistral : ChatForm::vicuna);
  }
  llava_next::LlavaNextPictures::add_rows(parts.table, config);
  const fs::path file = checkpoint.folder / "preprocessor_config.json";
  const int size = config.vision.image_size;
  parts.make_pictures = [config, precision, weights = parts.weights,
                         processor = llava_next::parse_tile_processor(
                             read_json_file(file), display(file), size,
                             llava_next::parse_grids(reader, checkpoint.config, size))] {
    return std::make_unique<const llava_next::LlavaNextPictures>(WeightScope(weights, precision), config, processor);
  };
  return parts;
}

// The conversation that LLaVA's authors trained their models on, by what is inside.
ChatTemplate own_form(const Json& config) {
  if (architecture_of(config).find("Mistral") != std::string::npos) return ChatTemplate(ChatForm::mistral);
  return ChatTemplate(ChatForm::vicuna,
                      "A chat between a curious user and an artificial intelligence assistant. The assistant gives "
                      "helpful, detailed, and polite answers to the user's questions.");
}

// Whether the checkpoint holds its picture tower.
bool holds_tower(const WeightSource& weights) {
  return std::ranges::any_of(weights.tensors(), [](const TensorInfo& info) {
    return llava::name_of_own(info.name).starts_with("vision_tower.");
  });
}

// In the layout of LLaVA's authors. The tower's checkpoint says how pictures are prepared, and has the tower's weights
// where these here have not.
ChatModel::Parts open_own_llava(const Checkpoint& checkpoint, Precision precision, const fs::path& tower) {
  const ConfigReader reader(checkpoint.config, checkpoint.config_name());
  const std::string origin = checkpoint.weights_name();
  auto weights = renamed(checkpoint.weights, origin, llava::name_of_own);
  clip::VisionConfig vision = llava::usual_tower();
  Json processor{
      {"image_processor_type", "CLIPImageProcessor"}, {"size", vision.image_size}, {"crop_size", vision.image_size}};
  std::string processor_origin = origin;
  if (!tower.empty()) {
    const Checkpoint eyes = open_checkpoint(tower);
    vision = clip::parse_config(eyes.config, eyes.config_name()).vision;
    if (!holds_tower(*checkpoint.weights)) {
      weights = joined(weights, renamed(eyes.weights, eyes.weights_name(), llava::name_of_tower), origin);
    }
    processor_origin = display(tower / "preprocessor_config.json");
    processor = read_json_file(tower / "preprocessor_config.json");
    if (!processor.is_object()) throw Error(ErrorCode::bad_weights, message("{}: not an object", processor_origin));
  } else if (const std::string missing = missing_tower(checkpoint.folder); !missing.empty()) {
    throw Error(ErrorCode::model_not_found,
                message("{}: its picture part is another model, {}, and that is not here", origin, missing),
                message("get it: gaze pull {}", missing));
  }
  const llava::OwnConfig own = llava::parse_own_config(reader, checkpoint.config, vision);
  llava::Config config = own.llava;
  ChatModel::Parts parts = text_parts(checkpoint, checkpoint.config, config.text);
  parts.weights = weights;
  const TokenId known = parts.tokenizer->id("<image>");
  config.image_token = known >= 0 ? known : parts.tokenizer->vocabulary_size();
  if (parts.chat_template.form() == ChatForm::plain || parts.chat_template.form() == ChatForm::llama2) {
    parts.chat_template = own_form(checkpoint.config);
  }
  processor["image_processor_type"] = "CLIPImageProcessor";
  const int size = vision.image_size;
  if (!own.tiles) {
    llava::LlavaPictures::add_rows(parts.table, config);
    parts.make_pictures =
        [config, precision, weights,
         pixels = checked_size(parse_image_processor(processor, processor_origin), processor_origin, size)] {
          return std::make_unique<const llava::LlavaPictures>(WeightScope(weights, precision), config, pixels);
        };
    return parts;
  }
  llava_next::LlavaNextPictures::add_rows(parts.table, config);
  parts.make_pictures =
      [config, precision, weights,
       cutter = llava_next::parse_tile_processor(processor, processor_origin, size,
                                                 llava_next::parse_grids(reader, checkpoint.config, size, true))] {
        return std::make_unique<const llava_next::LlavaNextPictures>(WeightScope(weights, precision), config, cutter);
      };
  return parts;
}

ChatModel::Parts open_idefics3(const Checkpoint& checkpoint, Precision precision, const fs::path&) {
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
  ChatModel::Parts (*open)(const Checkpoint&, Precision, const fs::path& tower);
};
constexpr std::array kFamilies{
    Family{"LlamaForCausalLM", "llama", false, open_llama},
    Family{"MistralForCausalLM", "mistral", false, open_llama},
    Family{"Idefics3ForConditionalGeneration", "idefics3", true, open_idefics3},
    Family{"SmolVLMForConditionalGeneration", "smolvlm", true, open_idefics3},
    Family{"LlavaForConditionalGeneration", "llava", true, open_llava},
    Family{"LlavaNextForConditionalGeneration", "llava_next", true, open_llava_next},
    Family{"LlavaLlamaForCausalLM", "llava_llama", true, open_own_llava},
    Family{"LlavaMistralForCausalLM", "llava_mistral", true, open_own_llava},
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

llama::Config language_config(const Json& config, const std::string& origin) {
  const Family* family = family_of(config);
  if (family && family->open == open_own_llava) return llava::parse_own_text({config, origin}, config);
  const ConfigReader reader(config, origin);
  return llama::parse_config(reader.has("text_config") ? reader.child("text_config") : reader);
}

std::string missing_tower(const fs::path& folder) {
  const Json config = read_json_file(folder / "config.json");
  const Family* family = family_of(config);
  if (!family || family->open != open_own_llava) return {};
  const std::string tower =
      ConfigReader(config, display(folder / "config.json")).text("mm_vision_tower", llava::kUsualTower);
  return tower == llava::kUsualTower && holds_tower(*open_checkpoint(folder).weights) ? "" : tower;
}

bool is_picture_chat_model(const Json& config) {
  const Family* family = family_of(config);
  return family && family->pictures;
}

llama::ChatModel::Parts open_chat_parts(const fs::path& folder, Precision precision, const fs::path& tower) {
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
  return family->open(checkpoint, precision, tower);
}

std::unique_ptr<const ChatModel> load_chat_model(const fs::path& path, Precision precision, const fs::path& eyes) {
  if (!llama::is_gguf(path)) {
    if (eyes.empty() || !missing_tower(path).empty()) {
      return std::make_unique<const ChatModel>(open_chat_parts(path, precision, eyes), precision);
    }
    throw Error(ErrorCode::usage, message("{}: only a .gguf file takes another one for its pictures", display(path)),
                message("leave --mmproj out"));
  }
  ChatModel::Parts parts = llama::gguf_parts(map_weight_file(path));
  if (!eyes.empty()) {
    parts.make_pictures = [file = map_weight_file(eyes), config = parts.config, words = parts.tokenizer.get(),
                           precision] { return open_mmproj(file, config, *words, precision); };
    if (parts.chat_template.form() == ChatForm::plain) parts.chat_template = ChatTemplate(ChatForm::vicuna);
  }
  return std::make_unique<const ChatModel>(std::move(parts), precision);
}

}  // namespace gaze
