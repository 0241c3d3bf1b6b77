// JSON from outside: with a depth limit and errors that name the place.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

namespace gaze {

using Json = nlohmann::json;
using OrderedJson = nlohmann::ordered_json;  // what we print: fields stay in the order of cli.md

// Parses `text`; `origin` (a file, "the request body") is named in messages.
// Errors: invalid_json (syntax with the byte, or deeper than limits().json_depth).
Json parse_json(std::string_view text, const std::string& origin);

// read_text_file within limits().json_file_bytes, then parse_json.
Json read_json_file(const std::filesystem::path& path);

// One line of valid UTF-8; odd bytes become U+FFFD instead of an exception.
std::string dump_json(const OrderedJson& value, int indent = -1);

}  // namespace gaze
