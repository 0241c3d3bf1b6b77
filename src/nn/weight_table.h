// What a model expects of its checkpoint, as rows: checked whole before anything is computed.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "weights/weight_source.h"

namespace gaze {

struct WeightRow {
  std::string name;
  Shape shape;
  bool optional = false;
};

class WeightTable {
 public:
  void add(std::string name, Shape shape, bool optional = false);
  void add_linear(const std::string& scope, std::int64_t in, std::int64_t out, bool bias = true);
  void add_norm(const std::string& scope, std::int64_t width);
  // Buffers that some writers save and nothing reads (`position_ids`): allowed, of any shape.
  void ignore(std::string name);

  // Errors: bad_weights, which lists every missing, extra and misshapen tensor; `origin` names the checkpoint.
  void check(const WeightSource& source, const std::string& origin) const;

 private:
  std::vector<WeightRow> rows_;
  std::vector<std::string> ignored_;
};

}  // namespace gaze
