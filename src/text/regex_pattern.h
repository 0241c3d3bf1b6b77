// Regular expressions of tokenizer.json that have no scanner of their own.
#pragma once

#include <memory>
#include <string>

#include "text/pattern.h"

namespace gaze {

// As regex_pattern, always through ICU.
std::unique_ptr<const Pattern> icu_regex_pattern(const std::string& expression, const std::string& origin);

}  // namespace gaze
