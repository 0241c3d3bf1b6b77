#include "nn/weight_table.h"

#include <algorithm>
#include <set>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/error.h"
#include "base/message.h"

namespace gaze {
namespace {

constexpr std::size_t kMostNames = 200;  // of one kind of fault in a message

std::string list(std::vector<std::string> names) {
  const std::size_t left_out = names.size() > kMostNames ? names.size() - kMostNames : 0;
  names.resize(names.size() - left_out);
  return fmt::format("{}{}", fmt::join(names, ", "), left_out ? fmt::format(" … (+{})", left_out) : "");
}

}  // namespace

void WeightTable::add(std::string name, Shape shape, bool optional) {
  rows_.push_back({std::move(name), shape, optional});
}

void WeightTable::add_linear(const std::string& scope, std::int64_t in, std::int64_t out, bool bias) {
  add(scope + ".weight", {out, in});
  if (bias) add(scope + ".bias", {out});
}

void WeightTable::add_norm(const std::string& scope, std::int64_t width) {
  add(scope + ".weight", {width});
  add(scope + ".bias", {width});
}

void WeightTable::ignore(std::string name) {
  ignored_.push_back(std::move(name));
}

void WeightTable::check(const WeightSource& source, const std::string& origin) const {
  std::set<std::string_view> known(ignored_.begin(), ignored_.end());
  std::vector<std::string> missing, misshapen, extra;
  for (const WeightRow& row : rows_) {
    known.insert(row.name);
    const TensorInfo* found = source.find(row.name);
    if (!found) {
      if (!row.optional) missing.push_back(row.name);
    } else if (found->shape != row.shape) {
      misshapen.push_back(fmt::format("{} {} ≠ {}", row.name, to_string(found->shape), to_string(row.shape)));
    }
  }
  for (const TensorInfo& tensor : source.tensors()) {
    if (!known.contains(tensor.name)) extra.push_back(tensor.name);
  }
  if (missing.empty() && misshapen.empty() && extra.empty()) return;

  std::string text = message("{}: the weights do not fit config.json", origin);
  if (!missing.empty()) text += "\n" + message("missing: {}", list(std::move(missing)));
  if (!misshapen.empty()) text += "\n" + message("of another shape (found ≠ expected): {}", list(std::move(misshapen)));
  if (!extra.empty()) text += "\n" + message("not of this model: {}", list(std::move(extra)));
  throw Error(ErrorCode::bad_weights, std::move(text),
              message("check that config.json and the weights belong to the same checkpoint"));
}

}  // namespace gaze
