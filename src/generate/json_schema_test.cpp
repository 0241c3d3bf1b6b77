// Answers kept within a schema: whatever is chosen among what is allowed, the text parses and is valid.
#include "generate/json_schema.h"

#include <cmath>
#include <random>

#include <gmock/gmock.h>

#include "base/error.h"
#include "base/message.h"
#include "generate/token_constraint.h"

namespace gaze {
namespace {

using ::testing::HasSubstr;

// What JSON Schema asks, said once more and otherwise: over parsed values.
bool valid(const OrderedJson& schema, const Json& value) {
  if (schema.contains("const")) return value == Json(schema["const"]);
  if (schema.contains("enum")) {
    return std::ranges::any_of(schema["enum"], [&](const OrderedJson& each) { return value == Json(each); });
  }
  if (schema.contains("anyOf")) {
    return std::ranges::any_of(schema["anyOf"], [&](const OrderedJson& each) { return valid(each, value); });
  }
  const std::vector<std::string> types = schema["type"].is_string() ? std::vector{schema["type"].get<std::string>()}
                                                                    : schema["type"].get<std::vector<std::string>>();
  const auto is = [&](const char* name) { return std::ranges::find(types, name) != types.end(); };
  const auto within = [&](std::size_t count, const char* least, const char* most) {
    return count >= schema.value(least, std::size_t{0}) && count <= schema.value(most, std::size_t{1} << 40);
  };
  if (value.is_null()) return is("null");
  if (value.is_boolean()) return is("boolean");
  if (value.is_number()) return is("number") || (is("integer") && value.is_number_integer());
  if (value.is_string()) {
    std::size_t characters = 0;
    for (const char c : value.get<std::string>()) characters += (c & 0xC0) != 0x80;
    return is("string") && within(characters, "minLength", "maxLength");
  }
  if (value.is_array()) {
    return is("array") && within(value.size(), "minItems", "maxItems") &&
           std::ranges::all_of(value, [&](const Json& each) { return valid(schema["items"], each); });
  }
  if (!is("object")) return false;
  for (const OrderedJson& name : schema.value("required", OrderedJson::array())) {
    if (!value.contains(name.get<std::string>())) return false;
  }
  for (const auto& [name, each] : value.items()) {
    if (!schema.value("properties", OrderedJson::object()).contains(name)) return false;
    if (!valid(schema["properties"][name], each)) return false;
  }
  return true;
}

// All bytes, and tokens of several that cross the borders between parts; the last is the end.
std::vector<std::string> vocabulary() {
  std::vector<std::string> tokens;
  for (int byte = 0; byte < 256; ++byte) tokens.emplace_back(1, static_cast<char>(byte));
  for (const char* more :
       {"{\"", "\":", "\": \"", "\",",    "\"}", "}",        "\"}}",       "true", "false", "null", "12",   "0.",  "]}",
        "[[",  "],[", "name",   " a cat", "猫",  "\xE7\x8C", "\x8C\xAB狗", ", \"", "\n",    "\\n",  "\\\"", "    "}) {
    tokens.emplace_back(more);
  }
  tokens.emplace_back();
  return tokens;
}

// A text of the schema with at most so many tokens, drawn evenly among what is allowed.
std::string draw(TokenConstraint& constraint, std::size_t vocabulary_size, int most, std::mt19937& random,
                 const std::vector<std::string>& tokens) {
  std::string text;
  constraint.start(most);
  for (int i = 0; i < most; ++i) {
    std::vector<float> scores(vocabulary_size, 0.0f);
    constraint.restrict_scores(scores);
    std::vector<TokenId> allowed;
    for (std::size_t id = 0; id < scores.size(); ++id) {
      if (std::isfinite(scores[id])) allowed.push_back(static_cast<TokenId>(id));
    }
    const TokenId token = allowed[random() % allowed.size()];
    constraint.take(token);
    if (token == static_cast<TokenId>(vocabulary_size) - 1) return text;
    text += tokens[static_cast<std::size_t>(token)];
  }
  ADD_FAILURE() << "no end after " << most << ": " << text;
  return text;
}

const char* const kSchemas[] = {
    R"({"type":"object","properties":{"animals":{"type":"integer"}},"required":["animals"]})",
    R"({"type":"object","properties":{"a":{"type":"string"},"b":{"type":"number"},"c":{"type":"boolean"}}})",
    R"({"type":"object","properties":{"a":{"type":"null"},"b":{"type":"number"}},"required":["b"]})",
    R"({"type":"array","items":{"type":"string","minLength":1,"maxLength":4},"minItems":2,"maxItems":3})",
    R"({"type":"array","items":{"type":"array","items":{"type":"integer"},"maxItems":2}})",
    R"({"type":"array","items":{"type":"null"},"maxItems":0})",
    R"({"enum":["猫","a \"dog\"",1,null,{"x":[true]},-2.5]})",
    R"({"const":"只有这个"})",
    R"({"anyOf":[{"type":"boolean"},{"type":"object","properties":{"x":{"enum":[1,2]}},"required":["x"]},{"type":"null"}]})",
    R"({"type":["string","null","integer"],"maxLength":3,"description":"notes are passed over"})",
    R"({"type":"object","properties":{},"additionalProperties":false})",
    R"({"type":"string"})",
    R"({"type":"number"})",
    R"({"type":"object","properties":{"name \"x\" 名":{"type":"object","properties":{"y":{"type":"array","items":
        {"type":"object","properties":{"z":{"type":"string","minLength":2}},"required":["z"]},"minItems":1}},
        "required":["y"]}},"required":["name \"x\" 名"]})",
};

TEST(JsonSchema, WhateverIsChosenTheAnswerIsValid) {
  std::mt19937 random(7);
  const std::vector<std::string> tokens = vocabulary();
  const auto end = static_cast<TokenId>(tokens.size()) - 1;
  for (const char* text : kSchemas) {
    const OrderedJson schema = OrderedJson::parse(text);
    TokenConstraint constraint(automaton_of_schema(schema), tokens, {end});
    std::set<std::string> different;
    for (int round = 0; round < 200; ++round) {
      const int most = 60 + static_cast<int>(random() % 60);
      const std::string answer = draw(constraint, tokens.size(), most, random, tokens);
      const Json parsed = Json::parse(answer, nullptr, false);
      ASSERT_FALSE(parsed.is_discarded()) << text << "\n" << answer;
      EXPECT_TRUE(valid(schema, parsed)) << text << "\n" << answer;
      different.insert(answer);
    }
    EXPECT_GE(different.size(), std::string_view(text).find("const") == 2 ? 1u : 2u) << text;
  }
}

// Each valid text is reached, byte by byte; what is not valid is not.
TEST(JsonSchema, TellsValidTextsFromOthers) {
  const auto accepts = [](const char* schema, std::string_view text) {
    ByteAutomaton automaton = automaton_of_schema(OrderedJson::parse(schema));
    std::int32_t state = automaton.begin();
    for (const char byte : text) {
      state = automaton.next(state, static_cast<unsigned char>(byte));
      if (state == ByteAutomaton::kDead) return false;
    }
    return automaton.accepts(state);
  };
  for (const char* text : {R"({"animals":3})", R"({"animals": -12})", R"( {"animals":0})"}) {
    EXPECT_TRUE(accepts(kSchemas[0], text)) << text;
  }
  for (const char* text : {"{}", R"({"animals":01})", R"({"animals":1.5})", R"({"animals":3}})", R"({"animals":3)",
                           R"({"animals":1,"animals":1})", R"({"other":1})", "  {"}) {
    EXPECT_FALSE(accepts(kSchemas[0], text)) << text;
  }
  for (const char* text : {"{}", R"({"a":"","c":true})", R"({"b":-0.25, "c":false})", R"({"a": "é猫🐱\n"})"}) {
    EXPECT_TRUE(accepts(kSchemas[1], text)) << text;
  }
  for (const char* text : {R"({"c":true,"a":""})", R"({,"a":""})", "{\"a\":\"\n\"}", "{\"a\":\"\xC0\x80\"}",
                           R"({"b":1.})", "{\"a\":\"\xED\xA0\x80\"}", "{\"a\":\"\xE7\x8C\"}", R"({"a":"\x"})"}) {
    EXPECT_FALSE(accepts(kSchemas[1], text)) << text;
  }
}

TEST(JsonSchema, TheAnswerIsWholeHoweverFewTokensThereAre) {
  std::mt19937 random(3);
  const std::vector<std::string> tokens = vocabulary();
  const OrderedJson schema = OrderedJson::parse(kSchemas[0]);
  TokenConstraint constraint(automaton_of_schema(schema), tokens, {static_cast<TokenId>(tokens.size()) - 1});
  const int shortest = static_cast<int>(std::string_view(R"({"animals":0})").size()) + 1;
  EXPECT_THROW(constraint.start(shortest - 1), Error);
  for (int round = 0; round < 50; ++round) {
    EXPECT_TRUE(valid(schema, Json::parse(draw(constraint, tokens.size(), shortest, random, tokens))));
  }
}

TEST(JsonSchema, WhatIsNotSupportedIsNamed) {
  set_language(Language::english);
  const std::pair<const char*, const char*> cases[] = {
      {R"({"type":"object","properties":{"a":{"type":"string","pattern":"x"}}})", "/properties/a: \"pattern\""},
      {R"({"type":"integer","minimum":3})", "\"minimum\""},
      {R"({"$ref":"#/$defs/x","type":"string"})", "\"$ref\""},
      {R"({})", "it needs one of"},
      {R"({"type":"date"})", "there is no type \"date\""},
      {R"({"type":[]})", "a type is"},
      {R"({"type":"array"})", "needs \"items\""},
      {R"({"type":"array","items":true})", "/items: a schema is an object"},
      {R"({"type":"array","items":{"type":"null"},"minItems":3,"maxItems":2})", "below its least"},
      {R"({"type":"array","items":{"type":"null"},"minItems":-1})", "/minItems"},
      {R"({"type":"string","maxLength":"x"})", "/maxLength"},
      {R"({"enum":[]})", "list of values"},
      {R"({"anyOf":[]})", "/anyOf"},
      {R"({"type":"object","properties":3})", "/properties"},
      {R"({"type":"object","required":["x"]})", "\"x\" is not among"},
      {R"({"type":"string","maxLength":1000000000})", "more than 100000 states"},
      {R"({"type":"array","items":{"type":"array","items":{"type":"integer"},"maxItems":1000},"maxItems":1000})",
       "more than 100000 states"},
  };
  for (const auto& [schema, said] : cases) {
    try {
      automaton_of_schema(OrderedJson::parse(schema));
      ADD_FAILURE() << schema;
    } catch (const Error& error) {
      EXPECT_THAT(error.message(), HasSubstr(said));
    }
  }
}

}  // namespace
}  // namespace gaze
