// How towers take many inputs: in groups that keep the activations near the processor.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <numeric>
#include <span>
#include <vector>

#include "tensor/tensor.h"
#include "text/tokenizer.h"

namespace gaze {

inline constexpr std::int64_t kImagesTogether = 16;
inline constexpr std::size_t kTextsTogether = 32;

// Calls run(some texts, their places) on groups of texts of similar length, so that little is computed for padding.
inline void for_texts_by_length(
    std::span<const std::vector<TokenId>> texts,
    const std::function<void(std::span<const std::vector<TokenId>* const>, std::span<const std::size_t>)>& run) {
  std::vector<std::size_t> order(texts.size());
  std::iota(order.begin(), order.end(), 0);
  std::ranges::stable_sort(order, {}, [&](std::size_t i) { return texts[i].size(); });
  for (std::size_t begin = 0; begin < order.size(); begin += kTextsTogether) {
    const auto places = std::span(order).subspan(begin, std::min(kTextsTogether, order.size() - begin));
    std::vector<const std::vector<TokenId>*> group;
    for (const std::size_t place : places) group.push_back(&texts[place]);
    run(group, places);
  }
}

// to[places[i], :] ← from[i, :]; float32 both.
inline void scatter_rows(const Tensor& from, std::span<const std::size_t> places, Tensor& to) {
  for (std::size_t i = 0; i < places.size(); ++i) {
    const std::int64_t width = from.size(-1);
    std::copy_n(from.data<float>() + static_cast<std::int64_t>(i) * width, width,
                to.data<float>() + static_cast<std::int64_t>(places[i]) * width);
  }
}

}  // namespace gaze
