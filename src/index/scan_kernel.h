// The inner loop of exact search: one 16-bit query against many rows of 8-bit codes.
#pragma once

#include <cstdint>

namespace gaze {

// Rows of codes are padded with zeros to a multiple of this many bytes, and start at such an address.
inline constexpr std::int64_t kCodeAlignment = 64;

// sums[r] = Σ query[i] · codes[r · stride + i] for `rows` rows; `stride` is a multiple of kCodeAlignment.
// The caller chooses the query's range so that no sum passes 2^31 (largest_query_code). Runs on one thread; the
// instruction set is chosen at run time.
void scan_rows(const std::int16_t* query, const std::int8_t* codes, std::int64_t stride, std::int64_t rows,
               std::int32_t* sums);

// The same, one product after the other.
void scan_rows_slow(const std::int16_t* query, const std::int8_t* codes, std::int64_t stride, std::int64_t rows,
                    std::int32_t* sums);

// The largest magnitude a query's code may have at this stride.
constexpr std::int32_t largest_query_code(std::int64_t stride) {
  const std::int64_t most = INT32_MAX / (127 * stride);
  return static_cast<std::int32_t>(most < INT16_MAX ? most : INT16_MAX);
}

}  // namespace gaze
