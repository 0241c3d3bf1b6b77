// Probabilities that a model is asked for in JSON.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "base/json.h"

namespace gaze {

// {"type":"object"} with these properties, all required, and no others.
OrderedJson object_schema(const OrderedJson& properties);

// The answer as an object. Errors: invalid_json (words instead).
Json parse_answer(const std::string& answer, const std::string& model);

// `answer[name]`, a number in [0, 1], or a list of `count` such numbers. Errors: invalid_json.
double probability_in(const Json& answer, const char* name, const std::string& model);
std::vector<double> probabilities_in(const Json& answer, const char* name, std::size_t count, const std::string& model);

}  // namespace gaze
