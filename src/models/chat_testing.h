// For the tests of models that look at pictures: what a decoder reads for pictures of a golden, and all of its cases.
#pragma once

#include <algorithm>
#include <filesystem>
#include <vector>

#include <gtest/gtest.h>

#include "base/limits.h"
#include "generate/generate.h"
#include "models/llama/chat_model.h"
#include "models/testing.h"
#include "ops/elementwise.h"

namespace gaze::testing {

// The pictures of a case, from the files that `folder` holds.
inline std::vector<EncodedPicture> pictures_of(const llama::ChatModel& model, const Json& cases, const Json& each,
                                               const std::filesystem::path& folder) {
  std::vector<EncodedPicture> shown;
  for (const Json& picture : each.at("pictures")) {
    const auto file = folder / cases.at("pictures")[picture.get<std::size_t>()].get<std::string>();
    shown.push_back(model.pictures()->encode(read_file(file, MiB), file.filename(), {}));
  }
  return shown;
}

inline llama::PictureVectors vectors_of(const llama::ChatModel& model, const std::vector<EncodedPicture>& shown) {
  std::int64_t count = 0;
  for (const EncodedPicture& picture : shown) count += picture.vectors.size(0);
  llama::PictureVectors all{.token = model.pictures()->picture_token(),
                            .vectors = Tensor::empty({count, model.config().hidden_size}, DType::f32),
                            .contents = std::vector<std::uint64_t>(static_cast<std::size_t>(count), 1)};
  std::int64_t at = 0;
  for (const EncodedPicture& picture : shown) {
    Tensor to = all.vectors.rows(at, at + picture.vectors.size(0));
    convert(picture.vectors, to);
    at += picture.vectors.size(0);
  }
  return all;
}

// Greedy ids of every case.
inline void expect_reference_answers(const llama::ChatModel& model, const Json& cases,
                                     const std::filesystem::path& folder) {
  for (const Json& each : cases.at("cases")) {
    const std::vector<std::vector<TokenId>> prompts{each.at("prompt_ids").get<std::vector<TokenId>>()};
    const auto decoder = model.decoder(std::ssize(prompts[0]) + 12);
    decoder->set_pictures(vectors_of(model, pictures_of(model, cases, each, folder)));
    GenerationConfig config = model.generation_defaults();
    config.max_length = static_cast<int>(prompts[0].size()) + 12;
    config.repetition_penalty = each.value("repetition_penalty", 1.0f);
    EXPECT_EQ(generate(*decoder, prompts, config)[0][0].ids, each.at("ids").get<std::vector<TokenId>>()) << each;
  }
}

// The question of every case in the model's template, with what stands for its pictures in place of their tokens.
inline void expect_reference_prompts(const llama::ChatModel& model, const Json& cases,
                                     const std::filesystem::path& folder) {
  const TokenId token = model.pictures()->picture_token();
  for (const Json& each : cases.at("cases")) {
    const ChatLine line{ChatRole::user, each.at("question"), static_cast<int>(each.at("pictures").size())};
    const std::vector<EncodedPicture> shown = pictures_of(model, cases, each, folder);
    auto next = shown.begin();
    std::vector<TokenId> ids;
    for (const TokenId id : model.chat_template().encode({&line, 1}, model.tokenizer(), token)) {
      if (id == token && next != shown.end()) {
        ids.insert(ids.end(), next->ids.begin(), next->ids.end());
        ++next;
      } else {
        ids.push_back(id);
      }
    }
    EXPECT_EQ(ids, each.at("prompt_ids").get<std::vector<TokenId>>()) << each.at("question");
  }
}

}  // namespace gaze::testing
