#include "base/json.h"

#include "base/error.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/message.h"

namespace gaze {
namespace {

// Nesting is checked on the text itself, before anything is built from it.
void check_depth(std::string_view text, const std::string& origin) {
  std::int64_t depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '[' || c == '{') {
      if (++depth > limits().json_depth) {
        throw Error(ErrorCode::invalid_json,
                    message("{}: JSON nested deeper than {} at byte {}", origin, limits().json_depth, i));
      }
    } else if (c == ']' || c == '}') {
      --depth;
    } else if (c == '\0') {  // the parser would take it for the end and not look at what follows
      throw Error(ErrorCode::invalid_json, message("{}: not valid JSON at byte {}", origin, i));
    }
  }
}

}  // namespace

Json parse_json(std::string_view text, const std::string& origin) {
  check_depth(text, origin);
  try {
    return Json::parse(text);
  } catch (const Json::parse_error& error) {
    throw Error(ErrorCode::invalid_json, message("{}: not valid JSON at byte {}", origin, error.byte));
  } catch (const Json::exception& error) {  // numbers out of range
    throw Error(ErrorCode::invalid_json, message("{}: not valid JSON: {}", origin, error.what()));
  }
}

Json read_json_file(const std::filesystem::path& path) {
  return parse_json(read_text_file(path, limits().json_file_bytes), display(path));
}

std::string dump_json(const OrderedJson& value, int indent) {
  return value.dump(indent, ' ', false, OrderedJson::error_handler_t::replace);
}

}  // namespace gaze
