// Standard output: lines for people, or one JSON document. Standard error belongs to notes (base/log.h).
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/json.h"

namespace gaze::cli {

// Gathers what a command prints; nothing is lost silently: finish() throws where standard output cannot take it.
class Output {
 public:
  explicit Output(bool json) : json_(json) {}

  bool json() const { return json_; }

  void line(std::string_view text);            // for people
  void piece(std::string_view text);           // a part of a line, visible at once
  void document(const OrderedJson& document);  // for programs: one line of JSON
  void flush();                                // what is there so far becomes visible

  // Errors: disk_full or not_found. A reader that left (head, less) is no error.
  void finish();

 private:
  void write(std::string_view bytes);

  bool json_;
  bool failed_ = false;
  int error_ = 0;
};

// {"error":{"code","message","hint"}}
OrderedJson error_document(const Error& error);

// Sets `key` to the path as given; where it is not UTF-8 the odd bytes become U+FFFD and `path_base64` holds it whole.
void put_path(OrderedJson& object, const std::string& key, const std::filesystem::path& path);

}  // namespace gaze::cli
