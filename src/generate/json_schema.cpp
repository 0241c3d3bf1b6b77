#include "generate/json_schema.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/message.h"

namespace gaze {
namespace {

using State = ByteAutomatonBuilder::State;

constexpr int kDigits = 15;  // doubles hold them exactly
constexpr std::string_view kNotes[] = {"title", "description", "$schema", "$id", "$comment", "default", "examples"};

// Puts the parts of a schema between states. `where` is a JSON pointer, for messages.
class Compiler {
 public:
  explicit Compiler(ByteAutomatonBuilder& builder) : builder_(builder) {}

  State value(const OrderedJson& schema, State from, const std::string& where) {
    if (!schema.is_object()) refuse(where, message("a schema is an object"));
    if (schema.contains("enum") || schema.contains("const")) return constants(schema, from, where);
    if (schema.contains("anyOf")) {
      check(schema, {"anyOf"}, where);
      return any_of(schema["anyOf"], from, where + "/anyOf");
    }
    const auto type = schema.find("type");
    if (type == schema.end()) refuse(where, message("it needs one of: type, enum, const, anyOf"));
    if (type->is_string()) return typed(schema, *type, from, where);
    if (!type->is_array() || type->empty()) refuse(where + "/type", message("a type is a text or a list of texts"));
    const State end = builder_.add_state();
    for (const OrderedJson& each : *type) {
      if (!each.is_string()) refuse(where + "/type", message("a type is a text or a list of texts"));
      builder_.connect(typed(schema, each, from, where), end);
    }
    return end;
  }

 private:
  [[noreturn]] static void refuse(const std::string& where, const std::string& why) {
    throw Error(ErrorCode::usage, message("the schema at {}: {}", where.empty() ? "/" : where, why));
  }

  // Only these keywords, and notes for people.
  static void check(const OrderedJson& schema, std::initializer_list<std::string_view> known,
                    const std::string& where) {
    for (const auto& [key, ignored] : schema.items()) {
      const auto is = [&key = key](std::string_view name) { return name == key; };
      if (std::ranges::any_of(known, is) || std::ranges::any_of(kNotes, is)) continue;
      refuse(where, message("\"{}\" is not supported here", key));
    }
  }

  static std::optional<std::size_t> count(const OrderedJson& schema, const char* key, const std::string& where) {
    const auto found = schema.find(key);
    if (found == schema.end()) return {};
    if (!found->is_number_unsigned()) refuse(where + "/" + key, message("a count is a whole number from 0 on"));
    return found->get<std::size_t>();
  }

  State constants(const OrderedJson& schema, State from, const std::string& where) {
    check(schema, {"enum", "const", "type"}, where);
    OrderedJson all = OrderedJson::array();
    if (schema.contains("const")) all.push_back(schema["const"]);
    if (schema.contains("enum")) {
      if (schema.contains("const") || !schema["enum"].is_array())
        refuse(where, message("\"enum\" is a list of values"));
      all = schema["enum"];
    }
    if (all.empty()) refuse(where, message("\"enum\" is a list of values"));
    const State end = builder_.add_state();
    for (const OrderedJson& each : all) builder_.connect(builder_.text(from, dump_json(each)), end);
    return end;
  }

  State any_of(const OrderedJson& schemas, State from, const std::string& where) {
    if (!schemas.is_array() || schemas.empty()) refuse(where, message("it is a list of schemas"));
    const State end = builder_.add_state();
    for (std::size_t i = 0; i < schemas.size(); ++i) {
      builder_.connect(value(schemas[i], from, where + "/" + std::to_string(i)), end);
    }
    return end;
  }

  // A "type" may stand beside others: all their keywords are allowed then.
  State typed(const OrderedJson& schema, const std::string& type, State from, const std::string& where) {
    const bool alone = schema["type"].is_string();
    const auto allow = [&](std::initializer_list<std::string_view> own) {
      if (alone) check(schema, own, where);
      if (!alone) {
        check(schema,
              {"type", "properties", "required", "additionalProperties", "items", "minItems", "maxItems", "minLength",
               "maxLength"},
              where);
      }
    };
    if (type == "object")
      return allow({"type", "properties", "required", "additionalProperties"}), object(schema, from, where);
    if (type == "array") return allow({"type", "items", "minItems", "maxItems"}), array(schema, from, where);
    if (type == "string") return allow({"type", "minLength", "maxLength"}), string(schema, from, where);
    allow({"type"});
    if (type == "integer") return whole_number(from);
    if (type == "number") return number(from);
    if (type == "null") return builder_.text(from, "null");
    if (type != "boolean") refuse(where + "/type", message("there is no type \"{}\"", type));
    const State end = builder_.add_state();
    for (const char* each : {"true", "false"}) builder_.connect(builder_.text(from, each), end);
    return end;
  }

  void digit(State from, char least, State to) { builder_.connect(from, static_cast<unsigned char>(least), '9', to); }

  // Up to `most` digits, each of which may be the last.
  void digits(State from, int most, State end) {
    for (int i = 0; i < most; ++i) {
      const State to = builder_.add_state();
      digit(from, '0', to);
      builder_.connect(to, end);
      from = to;
    }
  }

  State whole_number(State from) {
    const State begin = builder_.add_state(), first = builder_.add_state(), end = builder_.add_state();
    builder_.connect(from, begin);
    builder_.connect(from, '-', '-', begin);
    builder_.connect(begin, '0', '0', end);
    digit(begin, '1', first);
    builder_.connect(first, end);
    digits(first, kDigits - 1, end);
    return end;
  }

  State number(State from) {
    const State whole = whole_number(from), point = builder_.add_state(), end = builder_.add_state();
    builder_.connect(whole, end);
    builder_.connect(whole, '.', '.', point);
    digits(point, kDigits, end);
    return end;
  }

  // One character of a text: whole UTF-8 (RFC 3629), or a short escape.
  void character(State from, State to) {
    const auto range = [&](State a, int least, int most, State b) {
      builder_.connect(a, static_cast<unsigned char>(least), static_cast<unsigned char>(most), b);
    };
    range(from, 0x20, '"' - 1, to);
    range(from, '"' + 1, '\\' - 1, to);
    range(from, '\\' + 1, 0x7E, to);
    const State escape = builder_.add_state();
    range(from, '\\', '\\', escape);
    for (const char c : std::string_view("\"\\/bfnrt")) range(escape, c, c, to);
    const State last = builder_.add_state(), two = builder_.add_state();  // so many more bytes of 80 to BF
    range(last, 0x80, 0xBF, to);
    range(two, 0x80, 0xBF, last);
    range(from, 0xC2, 0xDF, last);
    struct Lead {
      int least, most, second_least, second_most;
      bool four;
    };
    for (const Lead& lead :
         {Lead{0xE0, 0xE0, 0xA0, 0xBF, false}, Lead{0xE1, 0xEC, 0x80, 0xBF, false}, Lead{0xED, 0xED, 0x80, 0x9F, false},
          Lead{0xEE, 0xEF, 0x80, 0xBF, false}, Lead{0xF0, 0xF0, 0x90, 0xBF, true}, Lead{0xF1, 0xF3, 0x80, 0xBF, true},
          Lead{0xF4, 0xF4, 0x80, 0x8F, true}}) {
      const State second = builder_.add_state();
      range(from, lead.least, lead.most, second);
      range(second, lead.second_least, lead.second_most, lead.four ? two : last);
    }
  }

  State string(const OrderedJson& schema, State from, const std::string& where) {
    const std::size_t least = count(schema, "minLength", where).value_or(0);
    const auto most = count(schema, "maxLength", where);
    return quoted(repeated(builder_.text(from, "\""), least, most, where, [&](State begin, std::size_t) {
      const State to = builder_.add_state();
      character(begin, to);
      return to;
    }));
  }

  State quoted(State inside) { return builder_.text(inside, "\""); }

  // `one` from `least` to `most` times; returns where each allowed number of times ends.
  template <class One>
  State repeated(State from, std::size_t least, std::optional<std::size_t> most, const std::string& where, One one) {
    if (most && *most < least) refuse(where, message("its most is below its least"));
    const State end = builder_.add_state();
    for (std::size_t i = 0; i < most.value_or(least); ++i) {
      if (i >= least) builder_.connect(from, end);
      from = one(from, i);
    }
    builder_.connect(from, end);
    if (!most) {
      const State again = one(from, std::max<std::size_t>(least, 1));
      builder_.connect(again, end);
      builder_.connect(again, from);
    }
    return end;
  }

  // A mark and the space that may follow it.
  State mark(State from, const char* text) {
    const State to = builder_.text(from, text);
    const State spaced = builder_.text(to, " ");
    const State end = builder_.add_state();
    builder_.connect(to, end);
    builder_.connect(spaced, end);
    return end;
  }

  State array(const OrderedJson& schema, State from, const std::string& where) {
    if (!schema.contains("items")) refuse(where, message("an array needs \"items\""));
    const std::size_t least = count(schema, "minItems", where).value_or(0);
    const auto most = count(schema, "maxItems", where);
    const auto item = [&](State begin) { return value(schema["items"], begin, where + "/items"); };
    if (most && *most < least) refuse(where, message("its most is below its least"));
    const State open = builder_.text(from, "["), end = builder_.add_state();
    if (least == 0) builder_.connect(open, end);
    if (!most || *most > 0) {
      const State first = item(open);
      const std::size_t more_least = std::max<std::size_t>(least, 1) - 1;
      const auto more_most = most ? std::optional(*most - 1) : std::nullopt;
      builder_.connect(repeated(first, more_least, more_most, where,
                                [&](State begin, std::size_t) { return item(mark(begin, ",")); }),
                       end);
    }
    return builder_.text(end, "]");
  }

  State object(const OrderedJson& schema, State from, const std::string& where) {
    const OrderedJson properties = schema.value("properties", OrderedJson::object());
    const OrderedJson required = schema.value("required", OrderedJson::array());
    const OrderedJson others = schema.value("additionalProperties", OrderedJson(false));
    if (!properties.is_object()) refuse(where + "/properties", message("it is an object of schemas"));
    if (!required.is_array()) refuse(where + "/required", message("it is a list of property names"));
    if (!others.is_boolean()) refuse(where, message("\"{}\" is not supported here", "additionalProperties"));
    for (const OrderedJson& name : required) {
      if (!name.is_string() || !properties.contains(name.get<std::string>())) {
        refuse(where + "/required", message("{} is not among the properties", dump_json(name)));
      }
    }
    // Before each property: nothing stands there yet, or something does.
    State none = builder_.text(from, "{"), some = builder_.add_state();
    for (const auto& [name, schema_of_it] : properties.items()) {
      const State key = builder_.add_state(), next_none = builder_.add_state(), next_some = builder_.add_state();
      builder_.connect(none, key);
      builder_.connect(mark(some, ","), key);
      const State colon = mark(builder_.text(key, dump_json(name)), ":");
      builder_.connect(value(schema_of_it, colon, where + "/properties/" + name), next_some);
      if (std::ranges::find(required, OrderedJson(name)) == required.end()) {
        builder_.connect(none, next_none);
        builder_.connect(some, next_some);
      }
      none = next_none;
      some = next_some;
    }
    const State end = builder_.text(none, "}");
    builder_.connect(some, '}', '}', end);
    return end;
  }

  ByteAutomatonBuilder& builder_;
};

}  // namespace

ByteAutomaton automaton_of_schema(const OrderedJson& schema) {
  ByteAutomatonBuilder builder;
  const State begin = builder.add_state(), first = builder.add_state();
  builder.connect(begin, first);
  builder.connect(begin, ' ', ' ', first);
  const State end = Compiler(builder).value(schema, first, "");
  return {std::move(builder), begin, end};
}

}  // namespace gaze
