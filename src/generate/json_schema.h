// A JSON schema as an automaton over the texts that are valid by it.
#pragma once

#include "base/json.h"
#include "generate/byte_automaton.h"

namespace gaze {

// Texts are JSON in one line, a space allowed after ':' and ',' and at the very beginning. Known of JSON Schema
// (draft 2020-12): type, properties, required, additionalProperties, items, minItems, maxItems, minLength, maxLength,
// enum, const, anyOf; title, description and the like are passed over. An object has the properties that are listed, in
// their order, and no others; numbers have 15 digits at most before and after the point and no exponent.
// Errors: usage (another keyword, or a value that makes no sense, named with its place), limit_exceeded (too large).
ByteAutomaton automaton_of_schema(const OrderedJson& schema);

}  // namespace gaze
