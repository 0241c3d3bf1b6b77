#include "tasks/remote_embed.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/log.h"
#include "base/message.h"
#include "providers/remote_many.h"
#include "providers/url.h"

namespace gaze {
namespace {

constexpr int kAtOnce = 8;
constexpr std::size_t kMostBytesAtOnce = 250'000;  // OpenAI takes 300,000 tokens a request; a token is a byte or more

// Tokens are counted as bytes, which can only be too careful.
Usage estimate_usage(std::span<const std::string> texts) {
  Usage usage;
  for (const std::string& text : texts) usage.prompt_tokens += static_cast<std::int64_t>(text.size());
  return usage;
}

Departure departure_of(const RemoteAccess& access, std::span<const std::string> texts) {
  const Usage usage = estimate_usage(texts);
  return {.host = Url(access.model().spec().base_url).host(),
          .text_bytes = usage.prompt_tokens,
          .most_cost = access.account().cost(access.model().spec().text, usage),
          .currency = access.account().currency()};
}

// As many of the first as one request takes.
std::vector<std::string> first_batch(std::span<const std::string> texts) {
  std::vector<std::string> batch;
  std::size_t bytes = 0;
  for (const std::string& text : texts) {
    bytes += text.size();
    if (batch.size() == RemoteModel::kTextsAtOnce || (!batch.empty() && bytes > kMostBytesAtOnce)) break;
    batch.push_back(text);
  }
  return batch;
}

// A text's vector is kept as the answer to a request for it alone.
std::vector<float> kept_vector(const RemoteAccess& access, const std::string& text, int dimensions) {
  if (!access.care().cache) return {};
  const auto kept = access.care().cache->find(access.model().embed_request({text}, dimensions));
  const Json json = kept ? Json::parse(kept->text, nullptr, false) : Json();
  const bool numbers = json.is_array() && std::ranges::all_of(json, [](const Json& x) { return x.is_number(); });
  return numbers ? json.get<std::vector<float>>() : std::vector<float>();
}

void keep_vector(const RemoteAccess& access, const std::string& text, int dimensions,
                 const std::vector<float>& vector) {
  if (!access.care().cache) return;
  try {
    access.care().cache->store(access.model().embed_request({text}, dimensions), {dump_json(vector), "stop", {}, {}});
  } catch (const Error& error) {
    log_warning(error.message());
  }
}

std::vector<std::vector<float>> ask_for(RemoteAccess& access, const std::vector<std::string>& texts, int dimensions,
                                        const CancelToken& cancel) {
  const std::string& name = access.model().spec().text;
  const Usage estimate = estimate_usage(texts);
  const auto reservation = access.account().reserve(name, estimate);
  TextVectors made = access.model().embed(texts, dimensions, cancel);
  try {
    access.account().record(name, made.usage.prompt_tokens > 0 ? made.usage : estimate);
  } catch (const Error& error) {  // the vectors are paid for: they are not lost over this
    log_warning(error.message());
  }
  return std::move(made.vectors);
}

Tensor rows_of_length_one(const std::vector<std::vector<float>>& vectors, const std::string& origin) {
  const std::size_t dimension = vectors.empty() ? 0 : vectors.front().size();
  Tensor rows = Tensor::empty({std::ssize(vectors), static_cast<std::int64_t>(dimension)}, DType::f32);
  float* row = rows.data<float>();
  for (const std::vector<float>& vector : vectors) {
    double squares = 0;
    for (const float value : vector) squares += static_cast<double>(value) * value;
    const double length = std::sqrt(squares);
    if (vector.size() != dimension || !std::isfinite(length) || length == 0) {
      throw Error(ErrorCode::invalid_json,
                  message("{}: the vectors differ in their number of numbers or are zero", origin),
                  message("where some were kept from an earlier call, --no-cache asks for all again"));
    }
    for (const float value : vector) *row++ = static_cast<float>(value / length);
  }
  return rows;
}

}  // namespace

Tensor embed_texts_remotely(RemoteAccess& access, std::span<const std::string> texts, int dimensions,
                            const CancelToken& cancel) {
  std::vector<std::vector<float>> vectors;
  std::vector<std::size_t> places;  // of the texts that are not kept
  std::vector<std::string> unknown;
  for (const std::string& text : texts) {
    vectors.push_back(kept_vector(access, text, dimensions));
    if (!vectors.back().empty()) continue;
    places.push_back(vectors.size() - 1);
    unknown.push_back(text);
  }
  if (unknown.empty() && access.care().on_kept_answer) access.care().on_kept_answer();
  if (!unknown.empty() && access.care().on_departure) access.care().on_departure(departure_of(access, unknown));

  std::vector<std::vector<std::string>> batches;
  std::vector<std::size_t> begins;  // of the batches, among the unknown
  for (std::size_t begin = 0; begin < unknown.size(); begin += batches.back().size()) {
    begins.push_back(begin);
    batches.push_back(first_batch(std::span(unknown).subspan(begin)));
  }
  run_at_once(batches.size(), kAtOnce, cancel, [&](std::size_t index) {
    auto made = ask_for(access, batches[index], dimensions, cancel);
    for (std::size_t i = 0; i < made.size(); ++i) {
      keep_vector(access, batches[index][i], dimensions, made[i]);
      vectors[places[begins[index] + i]] = std::move(made[i]);
    }
  });
  return rows_of_length_one(vectors, access.model().spec().text);
}

OrderedJson describe_embedding(const RemoteAccess& access, std::span<const std::string> texts, int dimensions) {
  if (access.care().on_departure) access.care().on_departure(departure_of(access, texts));
  return describe(access.model().embed_request(first_batch(texts), dimensions));
}

}  // namespace gaze
