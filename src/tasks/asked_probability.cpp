#include "tasks/asked_probability.h"

#include "base/error.h"
#include "base/message.h"

namespace gaze {
namespace {

[[noreturn]] void throw_no_probabilities(const std::string& model) {
  throw Error(ErrorCode::invalid_json, message("{}: the answer has no probabilities in it", model),
              message("take a model that can answer in JSON of a given schema"));
}

double probability_of(const Json& value, const std::string& model) {
  const double number = value.is_number() ? value.get<double>() : -1;
  if (!(number >= 0 && number <= 1)) throw_no_probabilities(model);
  return number;
}

}  // namespace

OrderedJson object_schema(const OrderedJson& properties) {
  OrderedJson names = OrderedJson::array();
  for (const auto& [name, value] : properties.items()) names.push_back(name);
  return {{"type", "object"}, {"properties", properties}, {"required", names}, {"additionalProperties", false}};
}

Json parse_answer(const std::string& answer, const std::string& model) {
  try {
    Json object = parse_json(answer, model);
    if (object.is_object()) return object;
  } catch (const Error&) {  // words instead of JSON
  }
  throw_no_probabilities(model);
}

double probability_in(const Json& answer, const char* name, const std::string& model) {
  return probability_of(answer.value(name, Json()), model);
}

std::vector<double> probabilities_in(const Json& answer, const char* name, std::size_t count,
                                     const std::string& model) {
  const Json list = answer.value(name, Json());
  if (!list.is_array() || list.size() != count) throw_no_probabilities(model);
  std::vector<double> probabilities;
  for (const Json& value : list) probabilities.push_back(probability_of(value, model));
  return probabilities;
}

}  // namespace gaze
