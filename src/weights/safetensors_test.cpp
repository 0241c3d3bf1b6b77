#include "weights/safetensors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/limits.h"
#include "base/message.h"
#include "weights/test_support.h"

namespace gaze {
namespace {

using testing::HasSubstr;

std::string with_header(const std::string& header, std::size_t data_bytes) {
  return little<std::uint64_t>(header.size()) + header + std::string(data_bytes, '\1');
}

std::string entry(const std::string& name, const std::string& shape, int begin, int end) {
  return "\"" + name + R"(":{"dtype":"F32","shape":)" + shape + R"(,"data_offsets":[)" + std::to_string(begin) + "," +
         std::to_string(end) + "]}";
}

std::string refused(const std::string& bytes) {
  set_language(Language::english);
  return refusal([&] { read_safetensors(in_memory(bytes)); });
}

const std::string kSmall =
    R"({"__metadata__":{"format":"pt"},"b":{"dtype":"I64","shape":[],"data_offsets":[12,20]},)"
    R"("a":{"dtype":"F16","shape":[2,3],"data_offsets":[0,12]},"z":{"dtype":"BOOL","shape":[2],"data_offsets":[20,22]}} )";

TEST(Safetensors, ReadsAWellFormedFile) {
  const auto source = read_safetensors(in_memory(with_header(kSmall, 22)));
  ASSERT_EQ(source->tensors().size(), 3u);
  EXPECT_EQ(source->tensors()[0].name, "a");
  EXPECT_EQ(source->find("a")->shape, Shape({2, 3}));
  EXPECT_EQ(source->find("a")->dtype, DType::f16);
  EXPECT_EQ(source->find("nothing"), nullptr);
  EXPECT_EQ(source->tensor("b").elements(), 1);
  EXPECT_EQ(*reinterpret_cast<const unsigned char*>(source->tensor("z").raw()), 1);
  EXPECT_THAT(refusal([&] { source->tensor("nothing"); }), HasSubstr("'nothing'"));
}

TEST(Safetensors, TensorsOutliveTheirSource) {
  const Tensor tensor = read_safetensors(in_memory(with_header(kSmall, 22)))->tensor("a");
  EXPECT_EQ(tensor.to_f32().data<float>()[5], to_float(F16{0x0101}));
}

TEST(Safetensors, AcceptsWhatTheFormatLeavesOpen) {
  const auto names = [](const std::string& header, std::size_t bytes) {
    return read_safetensors(in_memory(with_header(header, bytes)))->tensors().size();
  };
  EXPECT_EQ(names("{}", 0), 0u);
  EXPECT_EQ(names("{}      \n", 0), 0u);
  EXPECT_EQ(names(R"({"__metadata__":{}})", 0), 0u);
  EXPECT_EQ(
      names("{" + entry("a", "[0]", 0, 0) + "," + entry("b", "[1]", 0, 4) + "," + entry("c", "[3,0]", 4, 4) + "}", 4),
      3u);
  EXPECT_EQ(
      names(R"({"a":{"later":[{"x":[1.5,null]},true],"more":-1,"dtype":"U8","shape":[1],"data_offsets":[0,1],"x":{}}})",
            1),
      1u);
  EXPECT_EQ(names("{" + entry("图片.权重", "[1]", 0, 4) + "}", 4), 1u);
}

TEST(Safetensors, RefusesForgedHeaders) {
  const std::string deep_list(70, '[');
  const std::string long_name(1025, 'n');
  const auto one = [](const std::string& fields) { return "{\"w\":{" + fields + "}}"; };
  struct Case {
    std::string header;
    std::size_t data_bytes;
    std::string fault;
  };
  const std::vector<Case> cases = {
      // not JSON, or not an object of tensors
      {"", 0, "does not begin with '{' at byte 8"},
      {"[]", 0, "does not begin with '{' at byte 8"},
      {" {}", 0, "does not begin with '{' at byte 8"},
      {"{", 0, "not valid JSON at byte 10"},
      {"{}{}", 0, "not valid JSON at byte"},
      {"{},", 0, "not valid JSON at byte"},
      {std::string("{}\0\0", 4), 0, "not valid JSON at byte 10"},
      {"{\"w\"}", 0, "not valid JSON at byte"},
      {"{\"w\":}", 0, "not valid JSON at byte"},
      {"{'w':{}}", 0, "not valid JSON at byte"},
      {"{\"w\xFF\":{}}", 0, "not valid JSON at byte"},
      {"{\"w\xED\xA0\x80\":{}}", 0, "not valid JSON at byte"},
      {R"({"w\ud800":{}})", 0, "not valid JSON at byte"},
      {"{/* c */}", 0, "not valid JSON at byte"},
      {"{\"w\":1}", 0, "value of 'w' is of the wrong kind"},
      {"{\"w\":null}", 0, "value of 'w' is of the wrong kind"},
      {"{\"w\":[]}", 0, "value of 'w' is of the wrong kind"},
      {"{\"w\":\"x\"}", 0, "value of 'w' is of the wrong kind"},
      {"{" + entry("a", "[1]", 0, 4) + ",\"w\":[]}", 4, "value of 'w' is of the wrong kind"},
      // depth
      {one("\"later\":" + deep_list), 0, "nested deeper than 64"},
      {R"({"__metadata__":{"a":{"b":"c"}}})", 0, "value of 'a' is of the wrong kind"},
      // __metadata__
      {R"({"__metadata__":{"a":1}})", 0, "value of 'a' is of the wrong kind"},
      {R"({"__metadata__":{"a":["b"]}})", 0, "value of 'a' is of the wrong kind"},
      {R"({"__metadata__":"a"})", 0, "value of '__metadata__' is of the wrong kind"},
      {R"({"__metadata__":[]})", 0, "value of '__metadata__' is of the wrong kind"},
      {R"({"__metadata__":{"a":"b","a":"c"}})", 0, "__metadata__: key 'a' is there twice"},
      {R"({"__metadata__":{},"__metadata__":{}})", 0, "__metadata__ is there twice"},
      // names and keys
      {"{" + entry("", "[1]", 0, 4) + "}", 4, "name is empty, too long or not text: ''"},
      {"{" + entry(long_name, "[1]", 0, 4) + "}", 4, "name is empty, too long or not text: 'nnn"},
      {"{" + entry("a\\u0000b", "[1]", 0, 4) + "}", 4, "name is empty, too long or not text: 'a?b'"},
      {"{" + entry("a\\nb", "[1]", 0, 4) + "}", 4, "name is empty, too long or not text: 'a?b'"},
      {"{" + entry("a", "[1]", 0, 4) + "," + entry("a", "[1]", 4, 8) + "}", 8, "tensor 'a' is there twice"},
      {"{" + entry("a", "[1]", 0, 4) + "," + entry("\\u0061", "[1]", 4, 8) + "}", 8, "tensor 'a' is there twice"},
      {one(R"("dtype":"F32","dtype":"F16","shape":[1],"data_offsets":[0,4])"), 4,
       "tensor 'w': field 'dtype' is there twice"},
      {one(R"("dtype":"F32","shape":[1],"data_offsets":[0,4],"shape":[1])"), 4,
       "tensor 'w': field 'shape' is there twice"},
      {one(R"("dtype":"F32","shape":[1],"data_offsets":[0,4],"data_offsets":[0,4])"), 4,
       "field 'data_offsets' is there twice"},
      // fields
      {one(""), 0, "tensor 'w': no dtype"},
      {one(R"("shape":[1],"data_offsets":[0,4])"), 4, "tensor 'w': no dtype"},
      {one(R"("dtype":"F32","data_offsets":[0,4])"), 4, "tensor 'w': no shape"},
      {one(R"("dtype":"F32","shape":[1])"), 4, "tensor 'w': no data_offsets"},
      {one(R"("dtype":4,"shape":[1],"data_offsets":[0,4])"), 4,
       "tensor 'w': the value of 'dtype' is of the wrong kind"},
      {one(R"("dtype":["F32"],"shape":[1],"data_offsets":[0,4])"), 4, "the value of 'dtype' is of the wrong kind"},
      {one(R"("dtype":"F32","shape":1,"data_offsets":[0,4])"), 4, "the value of 'shape' is of the wrong kind"},
      {one(R"("dtype":"F32","shape":"1","data_offsets":[0,4])"), 4, "the value of 'shape' is of the wrong kind"},
      {one(R"("dtype":"F32","shape":{},"data_offsets":[0,4])"), 4, "the value of 'shape' is of the wrong kind"},
      {one(R"("dtype":"F32","shape":[[1]],"data_offsets":[0,4])"), 4, "the value of 'shape' is of the wrong kind"},
      {one(R"("dtype":"F32","shape":[-1],"data_offsets":[0,4])"), 4, "the value of 'shape' is of the wrong kind"},
      {one(R"("dtype":"F32","shape":[1.0],"data_offsets":[0,4])"), 4, "the value of 'shape' is of the wrong kind"},
      {one(R"("dtype":"F32","shape":["1"],"data_offsets":[0,4])"), 4, "the value of 'shape' is of the wrong kind"},
      {one(R"("dtype":"F32","shape":[18446744073709551615],"data_offsets":[0,4])"), 4, "'shape' is of the wrong kind"},
      {one(R"("dtype":"F32","shape":[99999999999999999999],"data_offsets":[0,4])"), 4, "'shape' is of the wrong kind"},
      {one(R"("dtype":"F32","shape":[1,1,1,1,1,1,1,1,1],"data_offsets":[0,4])"), 4,
       "tensor 'w': more than 8 dimensions"},
      {one(R"("dtype":"F32","shape":[1],"data_offsets":[])"), 4, "tensor 'w': data_offsets are not two"},
      {one(R"("dtype":"F32","shape":[1],"data_offsets":[4])"), 4, "tensor 'w': data_offsets are not two"},
      {one(R"("dtype":"F32","shape":[1],"data_offsets":[0,4,4])"), 4,
       "the value of 'data_offsets' is of the wrong kind"},
      {one(R"("dtype":"F32","shape":[1],"data_offsets":[-4,0])"), 4,
       "the value of 'data_offsets' is of the wrong kind"},
      {one(R"("dtype":"F32","shape":[1],"data_offsets":[0,4e0])"), 4,
       "the value of 'data_offsets' is of the wrong kind"},
      {one(R"("dtype":"F32","shape":[1],"data_offsets":null)"), 4, "the value of 'data_offsets' is of the wrong kind"},
      // number types
      {one(R"("dtype":"F8_E4M3","shape":[4],"data_offsets":[0,4])"), 4,
       "tensor 'w': number type 'F8_E4M3' is not supported"},
      {one(R"("dtype":"U32","shape":[1],"data_offsets":[0,4])"), 4, "number type 'U32' is not supported"},
      {one(R"("dtype":"f32","shape":[1],"data_offsets":[0,4])"), 4, "number type 'f32' is not supported"},
      {one(R"("dtype":"","shape":[1],"data_offsets":[0,4])"), 4, "number type '' is not supported"},
      // places
      {"{" + entry("w", "[1]", 4, 0) + "}", 4, "tensor 'w': ends at 0, before its begin at 4"},
      {"{" + entry("w", "[2]", 0, 8) + "}", 4, "tensor 'w': ends at 8, but there are only 4 bytes of data"},
      {"{" + entry("w", "[1]", 4, 8) + "}", 8, "tensor 'w': a hole of 4 bytes lies before it"},
      {"{" + entry("a", "[1]", 0, 4) + "," + entry("w", "[1]", 8, 12) + "}", 12,
       "tensor 'w': a hole of 4 bytes lies before it"},
      {"{" + entry("a", "[2]", 0, 8) + "," + entry("w", "[2]", 4, 12) + "}", 12,
       "tensor 'w': overlaps the one before it by 4 bytes"},
      {"{" + entry("a", "[1]", 0, 4) + "," + entry("w", "[1]", 0, 4) + "}", 4, "overlaps the one before it by 4 bytes"},
      {"{" + entry("a", "[1]", 0, 4) + "," + entry("w", "[0]", 2, 2) + "}", 4,
       "tensor 'w': overlaps the one before it by 2 bytes"},
      {"{" + entry("w", "[1]", 0, 4) + "}", 5, "1 bytes follow the last tensor"},
      {"{}", 3, "3 bytes follow the last tensor"},
      {"{" + entry("w", "[2]", 0, 4) + "}", 4, "tensor 'w': F32 of shape [2] does not take 4 bytes"},
      {"{" + entry("w", "[]", 0, 8) + "}", 8, "F32 of shape [] does not take 8 bytes"},
      {"{" + entry("w", "[0,3]", 0, 4) + "}", 4, "F32 of shape [0, 3] does not take 4 bytes"},
      {one(R"("dtype":"F32","shape":[1],"data_offsets":[18446744073709551612,18446744073709551615])"), 4,
       "there are only 4 bytes of data"},
      {one(R"("dtype":"F32","shape":[1],"data_offsets":[0,18446744073709551616])"), 4,
       "'data_offsets' is of the wrong kind"},
      // products that overflow: to 4, to 0, and beside a zero
      {one(R"("dtype":"F32","shape":[4611686018427387905],"data_offsets":[0,4])"), 4,
       "shape [4611686018427387905] is too large"},
      {one(R"("dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0])"), 0, "is too large"},
      {one(R"("dtype":"F32","shape":[0,4294967296,4294967296],"data_offsets":[0,0])"), 0, "is too large"},
      {one(R"("dtype":"F64","shape":[4611686018427387904],"data_offsets":[0,0])"), 0, "is too large"},
  };
  EXPECT_GE(cases.size(), 60u);
  for (const Case& forged : cases) {
    const std::string text = refused(with_header(forged.header, forged.data_bytes));
    EXPECT_THAT(text, HasSubstr(forged.fault)) << forged.header;
    EXPECT_THAT(text, HasSubstr("forged: "));
  }
}

TEST(Safetensors, RefusesForgedLengths) {
  const auto length = [](std::uint64_t claimed) { return little(claimed) + "{}"; };
  EXPECT_THAT(refused(""), HasSubstr("8 bytes are needed at byte 0, and there are only 0"));
  EXPECT_THAT(refused("1234567"), HasSubstr("8 bytes are needed at byte 0, and there are only 7"));
  EXPECT_THAT(refused(length(3)), HasSubstr("3 bytes are needed at byte 8, and there are only 2"));
  EXPECT_THAT(refused(length(UINT64_MAX)), HasSubstr("over the limit of 100000000"));
  EXPECT_THAT(refused(length(100'000'001)), HasSubstr("a header of 100000001 bytes, over the limit of 100000000"));
  EXPECT_THAT(refused(length(100'000'000)), HasSubstr("100000000 bytes are needed at byte 8"));
}

TEST(Safetensors, EveryLimitHoldsOnBothSides) {
  const Limits before = limits();
  Limits tight = before;
  const std::string header = "{" + entry("four", "[1,1,1]", 0, 4) + "}";
  tight.safetensors_header_bytes = static_cast<std::int64_t>(header.size());
  tight.tensor_dimensions = 3;
  tight.tensor_name_bytes = 4;
  tight.json_depth = 3;
  set_limits(tight);
  EXPECT_NO_THROW(read_safetensors(in_memory(with_header(header, 4))));
  const auto one_less = [&](std::int64_t Limits::*limit) {
    Limits tighter = tight;
    --(tighter.*limit);
    set_limits(tighter);
    return refused(with_header(header, 4));
  };
  EXPECT_THAT(one_less(&Limits::safetensors_header_bytes), HasSubstr("over the limit"));
  EXPECT_THAT(one_less(&Limits::tensor_dimensions), HasSubstr("more than 2 dimensions"));
  EXPECT_THAT(one_less(&Limits::tensor_name_bytes), HasSubstr("too long"));
  EXPECT_THAT(one_less(&Limits::json_depth), HasSubstr("nested deeper than 2"));
  set_limits(before);
}

TEST(Safetensors, RefusesABooleanThatIsNone) {
  std::string bytes = with_header(R"({"w":{"dtype":"BOOL","shape":[2],"data_offsets":[0,2]}})", 2);
  bytes.back() = '\2';
  const auto source = read_safetensors(in_memory(bytes));
  EXPECT_THAT(refusal([&] { source->tensor("w"); }), HasSubstr("tensor 'w': a boolean is neither 0 nor 1"));
}

TEST(Safetensors, IsHarmlessCutAtEveryByte) {
  const std::string whole = with_header(kSmall, 22);
  for (std::size_t length = 0; length < whole.size(); ++length) {
    EXPECT_FALSE(refused(whole.substr(0, length)).empty()) << length;
  }
}

TEST(Safetensors, IsHarmlessWithEveryHeaderByteChanged) {
  const std::string whole = with_header(kSmall, 22);
  for (std::size_t at = 0; at < whole.size() - 22; ++at) {
    for (int value = 0; value < 256; ++value) {
      std::string changed = whole;
      changed[at] = static_cast<char>(value);
      expect_harmless(read_safetensors, changed);
    }
  }
}

}  // namespace
}  // namespace gaze
