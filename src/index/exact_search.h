// Exact nearest neighbours: a scan of 8-bit codes finds every vector that could be among the best, the stored vectors
// decide.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "index/vector_codes.h"

namespace gaze {

struct Neighbour {
  std::int64_t id = 0;
  float score = 0;  // inner_product(query, vector)

  bool operator==(const Neighbour&) const = default;
};

// Highest score first, equal scores by id.
inline bool ranks_before(const Neighbour& a, const Neighbour& b) {
  return a.score != b.score ? a.score > b.score : a.id < b.id;
}

// Writes the float32 vectors of these ids, one row each, to `rows`.
using FetchVectors = std::function<void(std::span<const std::int64_t> ids, float* rows)>;

// The `top_k` neighbours of `query` among the vectors behind `codes`, exactly those and in the order that a search of
// all float32 vectors gives; all of them where top_k reaches their number. `query`: `codes.dimension()` finite floats
// of any length. Uses compute_threads(); `fetch` is called from the calling thread only.
std::vector<Neighbour> exact_search(const VectorCodes& codes, std::span<const float> query, std::int64_t top_k,
                                    const FetchVectors& fetch);

}  // namespace gaze
