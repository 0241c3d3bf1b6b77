#include "models/config_reader.h"

#include <cmath>
#include <limits>
#include <utility>

#include "base/error.h"
#include "base/message.h"

namespace gaze {

ConfigReader::ConfigReader(const Json& object, std::string origin) : object_(object), origin_(std::move(origin)) {
  if (!object_.is_object()) throw Error(ErrorCode::bad_weights, message("{}: not an object", origin_));
}

const Json* ConfigReader::find(std::string_view key) const {
  const auto found = object_.find(key);
  return found == object_.end() || found->is_null() ? nullptr : &*found;
}

void ConfigReader::refuse(std::string_view key) const {
  throw Error(ErrorCode::bad_weights, message("{}: the value of \"{}\" makes no sense: {}", origin_, key,
                                              dump_json(object_.value(key, Json())).substr(0, 100)));
}

int ConfigReader::integer(std::string_view key, int absent, int most) const {
  const int value = id(key, absent);
  if (value < 1 || value > most) refuse(key);
  return value;
}

int ConfigReader::id(std::string_view key, int absent) const {
  const Json* value = find(key);
  if (!value) return absent;
  if (!value->is_number_integer()) refuse(key);
  // Unsigned numbers beyond 63 bits come out negative or large: both are refused.
  const auto wide = value->get<std::int64_t>();
  if (wide < std::numeric_limits<int>::min() || wide > std::numeric_limits<int>::max()) refuse(key);
  return static_cast<int>(wide);
}

float ConfigReader::number(std::string_view key, float absent) const {
  const Json* value = find(key);
  if (!value) return absent;
  if (!value->is_number() || !std::isfinite(value->get<float>())) refuse(key);
  return value->get<float>();
}

bool ConfigReader::boolean(std::string_view key, bool absent) const {
  const Json* value = find(key);
  if (!value) return absent;
  if (!value->is_boolean()) refuse(key);
  return value->get<bool>();
}

std::string ConfigReader::text(std::string_view key, std::string_view absent) const {
  const Json* value = find(key);
  if (!value) return std::string(absent);
  if (!value->is_string()) refuse(key);
  return value->get<std::string>();
}

Activation ConfigReader::activation(std::string_view key, std::string_view absent) const {
  const std::string name = text(key, absent);
  const std::optional<Activation> known = activation_named(name);
  if (known) return *known;
  throw Error(ErrorCode::unsupported_model, message("{}: \"{}\": the function {} is not known", origin_, key, name));
}

void ConfigReader::require_divides(std::string_view part_key, int part, std::string_view whole_key, int whole) const {
  if (whole % part == 0) return;
  throw Error(ErrorCode::bad_weights,
              message("{}: \"{}\" ({}) must be a multiple of \"{}\" ({})", origin_, whole_key, whole, part_key, part));
}

ConfigReader ConfigReader::child(std::string_view key) const {
  static const Json nothing = Json::object();
  const Json* value = find(key);
  return {value ? *value : nothing, origin_ + ": " + std::string(key)};
}

}  // namespace gaze
