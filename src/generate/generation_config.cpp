#include "generate/generation_config.h"

#include <cmath>

#include "base/error.h"
#include "base/message.h"

namespace gaze {
namespace {

[[noreturn]] void refuse(std::string text) {
  throw Error(ErrorCode::usage, std::move(text));
}

template <class T>
void read(const Json& json, const char* name, T& value) {
  if (const auto found = json.find(name); found != json.end() && !found->is_null()) found->get_to(value);
}

}  // namespace

void validate(const GenerationConfig& config) {
  if (config.num_beams < 1) refuse(message("the number of beams must be at least 1, not {}", config.num_beams));
  if (config.max_length < 1) refuse(message("the longest length must be at least 1, not {}", config.max_length));
  if (config.min_length < 0) refuse(message("the shortest length cannot be {}", config.min_length));
  if (config.min_length > config.max_length) {
    refuse(message("the shortest length {} is above the longest {}", config.min_length, config.max_length));
  }
  if (config.num_return_sequences < 1 || (!config.sampling() && config.num_return_sequences > config.num_beams)) {
    refuse(message("{} answers cannot come from {} beams", config.num_return_sequences, config.num_beams));
  }
  if (!std::isfinite(config.length_penalty)) refuse(message("the length penalty must be a number"));
  if (!(config.repetition_penalty > 0) || !std::isfinite(config.repetition_penalty)) {
    refuse(message("the repetition penalty must be above 0, not {}", config.repetition_penalty));
  }
  if (config.no_repeat_ngram_size < 0) {
    refuse(message("the length of n-grams that may not repeat cannot be {}", config.no_repeat_ngram_size));
  }
  if (!(config.temperature >= 0) || !std::isfinite(config.temperature)) {
    refuse(message("the temperature must be 0 or above, not {}", config.temperature));
  }
  if (config.top_k < 0) refuse(message("top-k cannot be {}", config.top_k));
  if (!(config.top_p > 0 && config.top_p <= 1)) refuse(message("top-p must be in (0, 1], not {}", config.top_p));
  if (config.sampling() && config.num_beams > 1) refuse(message("sampling and beam search do not go together"));
}

void apply_generation_config(const Json& json, const std::string& origin, GenerationConfig& config) {
  try {
    read(json, "max_length", config.max_length);
    read(json, "min_length", config.min_length);
    read(json, "num_beams", config.num_beams);
    read(json, "num_return_sequences", config.num_return_sequences);
    read(json, "length_penalty", config.length_penalty);
    read(json, "repetition_penalty", config.repetition_penalty);
    read(json, "no_repeat_ngram_size", config.no_repeat_ngram_size);
    if (const auto stop = json.find("early_stopping"); stop != json.end() && !stop->is_null()) {
      config.early_stopping = stop->is_string()   ? EarlyStopping::never
                              : stop->get<bool>() ? EarlyStopping::yes
                                                  : EarlyStopping::no;
    }
    read(json, "suppress_tokens", config.suppress_tokens);
    if (const auto eos = json.find("eos_token_id"); eos != json.end() && !eos->is_null()) {
      config.eos_token_ids = eos->is_array() ? eos->get<std::vector<TokenId>>() : std::vector{eos->get<TokenId>()};
    }
  } catch (const Json::exception& error) {
    throw Error(ErrorCode::bad_weights,
                message("{}: a generation setting has the wrong type: {}", origin, error.what()));
  }
}

}  // namespace gaze
