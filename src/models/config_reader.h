// Reads config.json with the defaults of the reference's configuration classes and refuses values that make no sense.
#pragma once

#include <string>
#include <string_view>

#include "base/json.h"
#include "ops/activation.h"

namespace gaze {

// A JSON object of a config. Errors of all getters: bad_weights (wrong type, out of range), naming file and key.
class ConfigReader {
 public:
  // `object` must outlive the reader; `origin` names the file in messages.
  ConfigReader(const Json& object, std::string origin);

  // A positive whole number of at most `most`; where the key is missing or null, `absent`.
  int integer(std::string_view key, int absent, int most = 1 << 20) const;
  // Any whole number that fits (token ids, which may be negative).
  int id(std::string_view key, int absent) const;
  float number(std::string_view key, float absent) const;
  bool boolean(std::string_view key, bool absent) const;
  std::string text(std::string_view key, std::string_view absent) const;
  // Errors also: unsupported_model (an activation that we do not know).
  Activation activation(std::string_view key, std::string_view absent) const;

  // Refuses the config unless `part` divides `whole`.
  void require_divides(std::string_view part_key, int part, std::string_view whole_key, int whole) const;

  const std::string& origin() const { return origin_; }
  bool has(std::string_view key) const { return find(key) != nullptr; }
  // Whether the key stands there, with a null too.
  bool names(std::string_view key) const { return object_.contains(key); }
  // The object under `key`, or an empty one.
  ConfigReader child(std::string_view key) const;
  // Throws that the value of `key` makes no sense.
  [[noreturn]] void refuse(std::string_view key) const;

 private:
  const Json* find(std::string_view key) const;  // nullptr where missing or null

  const Json& object_;
  std::string origin_;
};

}  // namespace gaze
