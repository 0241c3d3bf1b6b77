#include "models/llama/config.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/error.h"
#include "base/message.h"

namespace gaze::llama {
namespace {

constexpr int kMostLayers = 1000;  // far above any published one; the weight table has rows for each
constexpr double kTurn = 2 * std::numbers::pi;

float positive(const ConfigReader& reader, std::string_view key, float absent) {
  const float value = reader.number(key, absent);
  if (!(value > 0)) reader.refuse(key);
  return value;
}

// Positions divided by `factor` where a frequency turns too slowly for the original context to have seen a whole turn,
// kept where it turns fast, and blended between. (_compute_llama3_parameters)
void scale_llama3(const ConfigReader& scaling, std::vector<double>& frequencies) {
  const double factor = positive(scaling, "factor", 8);
  const double low = positive(scaling, "low_freq_factor", 1), high = positive(scaling, "high_freq_factor", 4);
  const double original = scaling.integer("original_max_position_embeddings", 8192, 1 << 30);
  if (high <= low) scaling.refuse("high_freq_factor");
  for (double& frequency : frequencies) {
    const double turns = original * frequency / kTurn;  // over the original context
    const double kept = std::clamp((turns - low) / (high - low), 0.0, 1.0);
    frequency = (1 - kept) * frequency / factor + kept * frequency;
  }
}

// Peng et al. 2023, https://arxiv.org/abs/2309.00071 (_compute_yarn_parameters).
void scale_yarn(const ConfigReader& scaling, double base, int max_positions, std::vector<double>& frequencies,
                float& scale) {
  const double factor = positive(scaling, "factor", 1);
  const auto mscale = [factor](double times) { return factor <= 1 ? 1.0 : 0.1 * times * std::log(factor) + 1; };
  const double own = scaling.number("mscale", 0), all = scaling.number("mscale_all_dim", 0);
  const double absent = own != 0 && all != 0 ? mscale(own) / mscale(all) : mscale(1);
  scale = scaling.number("attention_factor", static_cast<float>(absent));

  const auto dim = static_cast<double>(2 * frequencies.size());
  const double original = scaling.integer("original_max_position_embeddings", max_positions, 1 << 30);
  const auto correction = [&](double rotations) {
    return dim * std::log(original / (rotations * kTurn)) / (2 * std::log(base));
  };
  double low = correction(positive(scaling, "beta_fast", 32)), high = correction(positive(scaling, "beta_slow", 1));
  if (scaling.boolean("truncate", true)) low = std::floor(low), high = std::ceil(high);
  low = std::max(low, 0.0), high = std::min(high, dim - 1);
  if (low == high) high += 0.001;
  for (std::size_t i = 0; i < frequencies.size(); ++i) {
    const double kept = 1 - std::clamp((static_cast<double>(i) - low) / (high - low), 0.0, 1.0);
    frequencies[i] = (1 - kept) * frequencies[i] / factor + kept * frequencies[i];
  }
}

// transformers 5 writes rope_parameters, with the base in it; before, rope_theta and rope_scaling stood apart.
void read_rotary(const ConfigReader& reader, Config& config) {
  const bool joined = reader.has("rope_parameters");
  const ConfigReader scaling = reader.child(joined ? "rope_parameters" : "rope_scaling");
  const double base = positive(scaling, "rope_theta", positive(reader, "rope_theta", 10000));
  if (base <= 1) reader.refuse("rope_theta");
  std::vector<double> frequencies;
  for (int i = 0; i < config.head_dim / 2; ++i) {
    frequencies.push_back(std::pow(base, -2.0 * i / config.head_dim));
  }

  const std::string type = scaling.text("rope_type", scaling.text("type", "default"));
  if (type == "linear") {
    const double factor = positive(scaling, "factor", 1);
    for (double& frequency : frequencies) frequency /= factor;
  } else if (type == "llama3") {
    scale_llama3(scaling, frequencies);
  } else if (type == "yarn") {
    scale_yarn(scaling, base, config.max_position_embeddings, frequencies, config.rotary_scale);
  } else if (type != "default" && type != "dynamic") {  // dynamic: as default within the context, our longest
    throw Error(ErrorCode::unsupported_model,
                message("{}: rotary positions scaled by \"{}\" are not known", reader.origin(), type),
                message("supported: {}", "default, linear, dynamic, llama3, yarn"));
  }
  config.rotary_frequencies.assign(frequencies.begin(), frequencies.end());
}

}  // namespace

Config parse_config(const ConfigReader& reader) {
  const std::string type = reader.text("model_type", "llama");
  if (type != "llama" && type != "mistral") {
    throw Error(ErrorCode::unsupported_model, message("{}: not supported: {}", reader.origin(), type),
                message("supported: {}", "llama, mistral"));
  }
  const bool mistral = type == "mistral";
  Config config;
  config.vocab_size = reader.integer("vocab_size", 32000, 1 << 24);
  config.hidden_size = reader.integer("hidden_size", 4096);
  config.intermediate_size = reader.integer("intermediate_size", mistral ? 14336 : 11008);
  config.num_hidden_layers = reader.integer("num_hidden_layers", 32, kMostLayers);
  config.num_attention_heads = reader.integer("num_attention_heads", 32, 1 << 14);
  const int few = mistral && !reader.names("num_key_value_heads") ? 8 : config.num_attention_heads;
  config.num_key_value_heads = reader.integer("num_key_value_heads", few, 1 << 14);
  reader.require_divides("num_key_value_heads", config.num_key_value_heads, "num_attention_heads",
                         config.num_attention_heads);
  if (!reader.has("head_dim")) {
    reader.require_divides("num_attention_heads", config.num_attention_heads, "hidden_size", config.hidden_size);
  }
  config.head_dim = reader.integer("head_dim", config.hidden_size / config.num_attention_heads, 1 << 12);
  if (config.head_dim % 2 != 0) reader.refuse(reader.has("head_dim") ? "head_dim" : "num_attention_heads");
  config.max_position_embeddings = reader.integer("max_position_embeddings", mistral ? 1 << 17 : 2048, 1 << 24);
  config.rms_norm_eps = positive(reader, "rms_norm_eps", 1e-6f);
  config.tie_word_embeddings = reader.boolean("tie_word_embeddings", false);
  config.attention_bias = reader.boolean("attention_bias", false);
  config.mlp_bias = reader.boolean("mlp_bias", false);
  if (reader.activation("hidden_act", "silu") != Activation::silu) reader.refuse("hidden_act");
  read_rotary(reader, config);
  if (mistral) {  // up to the width of its sliding window attention is as if there were none
    const int window = reader.names("sliding_window") ? 1 << 24 : 4096;
    config.max_position_embeddings =
        std::min(config.max_position_embeddings, reader.integer("sliding_window", window, 1 << 24));
  }
  return config;
}

}  // namespace gaze::llama
