#include "models/llama/gguf.h"

#include <array>
#include <cmath>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "base/error.h"
#include "base/file.h"
#include "base/message.h"
#include "text/gguf_vocabulary.h"
#include "weights/gguf.h"
#include "weights/views.h"

namespace gaze::llama {
namespace {

constexpr std::string_view kFactors = "rope_freqs.weight";  // what each frequency is divided by (llama3 scaling)

// The converter's names and the reference's.
constexpr std::array<std::pair<std::string_view, std::string_view>, 9> kInLayer{{
    {"attn_norm", "input_layernorm"},
    {"attn_q", "self_attn.q_proj"},
    {"attn_k", "self_attn.k_proj"},
    {"attn_v", "self_attn.v_proj"},
    {"attn_output", "self_attn.o_proj"},
    {"ffn_norm", "post_attention_layernorm"},
    {"ffn_gate", "mlp.gate_proj"},
    {"ffn_up", "mlp.up_proj"},
    {"ffn_down", "mlp.down_proj"},
}};

// Names that are not known stay, for the weight table to report.
std::optional<std::string> reference_name(std::string_view name) {
  if (name == kFactors) return {};
  if (name == "token_embd.weight") return "model.embed_tokens.weight";
  if (name == "output_norm.weight") return "model.norm.weight";
  if (name == "output.weight") return "lm_head.weight";
  if (name.starts_with("blk.")) {
    const std::size_t dot = name.find('.', 4), last = name.rfind('.');
    if (dot != std::string_view::npos && last > dot) {
      const std::string_view part = name.substr(dot + 1, last - dot - 1);
      for (const auto& [theirs, reference] : kInLayer) {
        if (part == theirs) {
          return fmt::format("model.layers.{}.{}{}", name.substr(4, dot - 4), reference, name.substr(last));
        }
      }
    }
  }
  return std::string(name);
}

// The metadata as a config.json, to be read and checked as one.
Json config_json(const GgufFile& file, const std::string& origin) {
  const GgufMetadata& data = file.metadata();
  const std::string_view architecture = data.text("general.architecture");
  if (architecture != "llama") {
    throw Error(ErrorCode::unsupported_model,
                message("{}: a GGUF file of the architecture \"{}\"", origin, to_valid_utf8(architecture)),
                message("supported: {}", "llama"));
  }
  Json json{{"hidden_size", data.integer("llama.embedding_length")},
            {"intermediate_size", data.integer("llama.feed_forward_length")},
            {"num_hidden_layers", data.integer("llama.block_count")},
            {"num_attention_heads", data.integer("llama.attention.head_count")},
            {"max_position_embeddings", data.integer("llama.context_length")},
            {"rms_norm_eps", data.number("llama.attention.layer_norm_rms_epsilon")},
            {"rope_theta", data.number("llama.rope.freq_base", 10000)},
            {"vocab_size", static_cast<std::int64_t>(data.texts("tokenizer.ggml.tokens").size())}};
  const auto copy = [&](std::string_view key, const char* name) {
    if (data.has(key)) json[name] = data.integer(key);
  };
  copy("llama.attention.head_count_kv", "num_key_value_heads");
  copy("llama.attention.key_length", "head_dim");
  const std::string scaling(data.text("llama.rope.scaling.type", "none"));
  if (scaling != "none") {
    json["rope_scaling"] = {{"rope_type", to_valid_utf8(scaling)},
                            {"factor", data.number("llama.rope.scaling.factor", 1)}};
    if (data.has("llama.rope.scaling.original_context_length")) {
      json["rope_scaling"]["original_max_position_embeddings"] =
          data.integer("llama.rope.scaling.original_context_length");
    }
  }
  json["tie_word_embeddings"] = file.find("output.weight") == nullptr;
  json["attention_bias"] = file.find("blk.0.attn_q.bias") != nullptr;
  json["mlp_bias"] = file.find("blk.0.ffn_up.bias") != nullptr;
  return json;
}

// Heads whose values are of another size than their keys, or of which only a part is turned, are no LLaMA's.
void check_heads(const GgufMetadata& data, const std::string& origin, const Config& config) {
  for (const std::string_view key : {"llama.attention.value_length", "llama.rope.dimension_count"}) {
    if (data.integer(key, config.head_dim) == config.head_dim) continue;
    throw Error(ErrorCode::unsupported_model,
                message("{}: not supported: {}", origin, fmt::format("{} {}", key, data.integer(key))),
                message("supported: {}", fmt::format("{} {}", key, config.head_dim)));
  }
}

void divide_frequencies(const GgufFile& file, const std::string& origin, Config& config) {
  const TensorInfo* info = file.find(kFactors);
  if (!info) return;
  const auto count = static_cast<std::int64_t>(config.rotary_frequencies.size());
  if (info->shape != Shape{count}) {
    throw Error(ErrorCode::bad_weights,
                message("{}: {} {} ≠ {}", origin, kFactors, to_string(info->shape), to_string(Shape{count})));
  }
  const Tensor factors = file.tensor(kFactors).to_f32();
  for (std::int64_t i = 0; i < count; ++i) {
    const float factor = factors.data<float>()[i];
    if (!(factor > 0)) throw Error(ErrorCode::bad_weights, message("{}: {} must be above 0", origin, kFactors));
    config.rotary_frequencies[static_cast<std::size_t>(i)] /= factor;
  }
}

std::unique_ptr<const Tokenizer> make_tokenizer(const GgufMetadata& data, const std::string& origin) {
  GgufVocabulary vocabulary;
  const auto key = [](std::string_view name) { return fmt::format("tokenizer.ggml.{}", name); };
  vocabulary.model = data.text(key("model"));
  vocabulary.pre = data.text(key("pre"), "");
  for (const std::string_view token : data.texts(key("tokens"))) vocabulary.tokens.emplace_back(token);
  if (data.has(key("scores"))) vocabulary.scores = data.numbers(key("scores"));
  if (data.has(key("token_type"))) {
    for (const std::int64_t type : data.integers(key("token_type"))) {
      vocabulary.token_types.push_back(static_cast<std::int32_t>(type));
    }
  }
  if (data.has(key("merges"))) {
    for (const std::string_view merge : data.texts(key("merges"))) vocabulary.merges.emplace_back(merge);
  }
  const auto id = [&](std::string_view name) {
    const std::int64_t value = data.integer(key(name), -1);
    if (value < -1 || value >= static_cast<std::int64_t>(vocabulary.tokens.size())) {
      throw Error(ErrorCode::bad_weights, message("{}: {} is not one of the {} tokens: {}", origin, key(name),
                                                  vocabulary.tokens.size(), value));
    }
    return static_cast<TokenId>(value);
  };
  const bool sentencepiece = vocabulary.model == "llama";
  vocabulary.bos = id("bos_token_id");
  vocabulary.eos = id("eos_token_id");
  vocabulary.unk = id("unknown_token_id");
  vocabulary.pad = id("padding_token_id");
  vocabulary.add_bos = data.boolean(key("add_bos_token"), sentencepiece);
  vocabulary.add_eos = data.boolean(key("add_eos_token"), false);
  vocabulary.add_space_prefix = data.boolean(key("add_space_prefix"), sentencepiece);
  return make_gguf_tokenizer(vocabulary, origin);
}

}  // namespace

std::optional<std::string> gguf_name(std::string_view name) {
  if (name == "model.embed_tokens.weight") return "token_embd.weight";
  if (name == "model.norm.weight") return "output_norm.weight";
  if (name == "lm_head.weight") return "output.weight";
  constexpr std::string_view kLayers = "model.layers.";
  const std::size_t dot = name.find('.', kLayers.size()), last = name.rfind('.');
  if (!name.starts_with(kLayers) || dot == std::string_view::npos || last <= dot) return {};
  for (const auto& [theirs, reference] : kInLayer) {
    if (name.substr(dot + 1, last - dot - 1) != reference) continue;
    return fmt::format("blk.{}.{}{}", name.substr(kLayers.size(), dot - kLayers.size()), theirs, name.substr(last));
  }
  return {};
}

std::shared_ptr<const WeightSource> with_reference_names(const WeightFile& file) {
  return renamed(std::make_shared<const GgufFile>(file), file.origin, reference_name);
}

Tensor frequency_factors(const Config& config) {
  const auto count = std::ssize(config.rotary_frequencies);
  Tensor factors = Tensor::empty({count}, DType::f32);
  bool differ = false;
  for (std::int64_t i = 0; i < count; ++i) {
    const double own = std::pow(double{kGgufRotaryBase}, -2.0 * static_cast<double>(i) / config.head_dim);
    const double factor = own / config.rotary_frequencies[static_cast<std::size_t>(i)];
    factors.data<float>()[i] = static_cast<float>(factor);
    differ = differ || std::abs(factor - 1) > 1e-6;
  }
  return differ ? factors : Tensor();
}

Config read_gguf_config(const GgufFile& file, const std::string& origin) {
  const Json json = config_json(file, origin);
  Config config = parse_config({json, origin});
  config.rotary_pairs = RotaryPairs::adjacent;
  check_heads(file.metadata(), origin, config);
  divide_frequencies(file, origin, config);
  return config;
}

GgufModel read_gguf(const WeightFile& bytes) {
  const auto file = std::make_shared<const GgufFile>(bytes);
  const std::string& origin = bytes.origin;
  GgufModel model;
  model.config = read_gguf_config(*file, origin);
  model.weights = renamed(file, origin, reference_name);
  model.tokenizer = make_tokenizer(file->metadata(), origin);
  model.chat_template = to_valid_utf8(file->metadata().text("tokenizer.chat_template", ""));
  return model;
}

}  // namespace gaze::llama
