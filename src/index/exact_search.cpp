#include "index/exact_search.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <mutex>

#include "base/check.h"
#include "base/parallel.h"
#include "index/inner_product.h"
#include "index/scan_kernel.h"

namespace gaze {
namespace {

constexpr std::int64_t kBlockRows = 2048;  // 1 MiB of codes at 512 dimensions: one thread's share at a time

// The query as the scan sees it, and how far an estimate may lie from the true score:
//   q·v = q·mean + Σ (q∘spread)·code·scale + q·error,   |q·error| ≤ ‖q‖·error_norm   (Cauchy-Schwarz)
struct ScanQuery {
  std::vector<std::int16_t> codes;  // (q∘spread) / step, rounded
  float step = 0;
  float base = 0;      // q·mean
  float norm = 0;      // ‖q‖
  float rounding = 0;  // what the query's own 16 bits and float arithmetic may add to the bound

  ScanQuery(const VectorCodes& index, std::span<const float> query) : codes(index.stride()) {
    std::vector<float> spread_query(query.size());
    double squares = 0;
    float reach = 0;
    for (std::size_t i = 0; i < query.size(); ++i) {
      squares += static_cast<double>(query[i]) * query[i];
      spread_query[i] = query[i] * index.spread()[i];
      reach = std::max(reach, std::fabs(spread_query[i]));
    }
    GAZE_CHECK(std::isfinite(squares));
    step = reach / static_cast<float>(largest_query_code(index.stride()));
    double lost = 0;
    for (std::size_t i = 0; i < query.size() && step > 0; ++i) {
      const float code = std::nearbyint(spread_query[i] / step);
      const auto most = static_cast<float>(largest_query_code(index.stride()));
      codes[i] = static_cast<std::int16_t>(std::clamp(code, -most, most));
      const double error = static_cast<double>(query[i]) * index.spread()[i] - static_cast<double>(step) * codes[i];
      lost += error * error;
    }
    base = inner_product(query, index.mean());
    norm = static_cast<float>(std::sqrt(squares));
    // The terms of an estimate are at most a few ‖q‖ each; 4e-6 is some sixty roundings of that size.
    rounding = static_cast<float>(std::sqrt(lost) * index.largest_code_norm() + 4e-6 * norm);
  }
};

// Keeps the `capacity` largest of the numbers it sees; what is none (a forged scan file) is passed over.
class Largest {
 public:
  explicit Largest(std::int64_t capacity) : capacity_(static_cast<std::size_t>(capacity)) {}

  void see(float value) {
    if (heap_.size() < capacity_) {
      if (std::isnan(value)) return;
      heap_.push_back(value);
      std::push_heap(heap_.begin(), heap_.end(), std::greater<>());
    } else if (value > heap_.front()) {
      std::pop_heap(heap_.begin(), heap_.end(), std::greater<>());
      heap_.back() = value;
      std::push_heap(heap_.begin(), heap_.end(), std::greater<>());
    }
  }
  const std::vector<float>& values() const { return heap_; }

 private:
  std::size_t capacity_;
  std::vector<float> heap_;
};

// Fills `upper` with the most that each row's score can be; returns what the top_k-th best score is at least.
float scan(const VectorCodes& index, const ScanQuery& query, std::int64_t top_k, std::vector<float>& upper) {
  std::vector<float> best;  // the stretches' largest lower bounds together
  std::mutex mutex;
  parallel_ranges(index.size(), kBlockRows, [&](std::int64_t first, std::int64_t last) {
    Largest lower(top_k);
    std::vector<std::int32_t> sums(kBlockRows);
    std::vector<float> least(kBlockRows);
    for (std::int64_t begin = first; begin < last; begin += kBlockRows) {
      const std::int64_t count = std::min(kBlockRows, last - begin);
      scan_rows(query.codes.data(), index.row(begin), index.stride(), count, sums.data());
      const float *scales = index.scales().data() + begin, *error_norms = index.error_norms().data() + begin;
      float* most = upper.data() + begin;
      for (std::int64_t i = 0; i < count; ++i) {  // apart from the heap, so that the compiler makes vectors of it
        const float estimate = query.base + query.step * scales[i] * static_cast<float>(sums[i]);
        const float bound = query.norm * error_norms[i] + query.rounding;
        most[i] = estimate + bound;
        least[i] = estimate - bound;
      }
      for (std::int64_t i = 0; i < count; ++i) lower.see(least[i]);
    }
    const std::lock_guard lock(mutex);
    best.insert(best.end(), lower.values().begin(), lower.values().end());
  });
  if (std::ssize(best) < top_k) return -std::numeric_limits<float>::infinity();
  std::nth_element(best.begin(), best.begin() + (top_k - 1), best.end(), std::greater<>());
  return best[static_cast<std::size_t>(top_k - 1)];
}

}  // namespace

std::vector<Neighbour> exact_search(const VectorCodes& codes, std::span<const float> query, std::int64_t top_k,
                                    const FetchVectors& fetch) {
  top_k = std::min(top_k, codes.size());
  if (top_k <= 0) return {};
  GAZE_CHECK(query.size() == static_cast<std::size_t>(codes.dimension()));

  std::vector<float> upper(static_cast<std::size_t>(codes.size()));
  const float threshold = scan(codes, ScanQuery(codes, query), top_k, upper);
  std::vector<std::size_t> candidates;
  for (std::size_t i = 0; i < upper.size(); ++i) {
    if (upper[i] >= threshold) candidates.push_back(i);
  }
  std::sort(candidates.begin(), candidates.end(),
            [&](std::size_t a, std::size_t b) { return upper[a] != upper[b] ? upper[a] > upper[b] : a < b; });

  // The most promising first: once the top_k-th true score passes all that is left, nothing can change.
  constexpr std::size_t kFetchRows = 64;
  const auto width = query.size();
  std::vector<float> rows(kFetchRows * width);
  std::vector<std::int64_t> ids;
  std::vector<Neighbour> found;  // a heap with the worst of the best in front
  for (std::size_t begin = 0; begin < candidates.size(); begin += kFetchRows) {
    if (std::ssize(found) == top_k && found.front().score > upper[candidates[begin]]) break;
    ids.clear();
    for (std::size_t i = begin; i < std::min(begin + kFetchRows, candidates.size()); ++i) {
      ids.push_back(codes.ids()[candidates[i]]);
    }
    fetch(ids, rows.data());
    for (std::size_t i = 0; i < ids.size(); ++i) {
      const Neighbour neighbour{ids[i], inner_product(query, std::span(rows).subspan(i * width, width))};
      if (std::ssize(found) == top_k) {
        if (!ranks_before(neighbour, found.front())) continue;
        std::pop_heap(found.begin(), found.end(), ranks_before);
        found.pop_back();
      }
      found.push_back(neighbour);
      std::push_heap(found.begin(), found.end(), ranks_before);
    }
  }
  std::sort_heap(found.begin(), found.end(), ranks_before);
  return found;
}

}  // namespace gaze
