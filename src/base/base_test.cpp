#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/lazy.h"
#include "base/limits.h"
#include "base/message.h"
#include "base/split_name.h"
#include "base/threads.h"

namespace gaze {
namespace {

std::filesystem::path scratch(const std::string& name) {
  const auto folder = std::filesystem::temp_directory_path() / ("gaze-base-test-" + std::to_string(::getpid()));
  std::filesystem::create_directories(folder);
  return folder / name;
}

ErrorCode code_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.code();
  }
  ADD_FAILURE() << "no error was thrown";
  return ErrorCode::internal;
}

TEST(File, WritesWholeFilesAndKeepsTheirMode) {
  const auto path = scratch("whole");
  write_file_atomically(path, "first");
  std::filesystem::permissions(path, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  write_file_atomically(path, "second");
  EXPECT_EQ(read_text_file(path, 100), "second");
  EXPECT_EQ(std::filesystem::status(path).permissions(),
            std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(path.parent_path()), {}), 1);
  std::filesystem::remove_all(path.parent_path());
}

TEST(File, RefusesWhatIsMissingAFolderOrTooLarge) {
  const auto path = scratch("ten");
  write_file_atomically(path, "0123456789");
  EXPECT_EQ(read_text_file(path, 10), "0123456789");
  EXPECT_EQ(code_of([&] { read_file(path, 9); }), ErrorCode::limit_exceeded);
  EXPECT_EQ(code_of([&] { read_file(path.parent_path(), 9); }), ErrorCode::not_found);
  EXPECT_EQ(code_of([&] { MappedFile(scratch("missing")); }), ErrorCode::not_found);
  EXPECT_EQ(code_of([&] { write_file_atomically(path / "below-a-file", "x"); }), ErrorCode::not_found);
  std::filesystem::remove_all(path.parent_path());
}

TEST(File, ReplacesIllFormedUtf8) {
  EXPECT_EQ(to_valid_utf8("图片 ok"), "图片 ok");
  EXPECT_EQ(to_valid_utf8("a\xFFz"), "a\uFFFDz");
  EXPECT_EQ(to_valid_utf8("\xE5\x9B"), "\uFFFD");                  // cut short
  EXPECT_EQ(to_valid_utf8("\xED\xA0\x80"), "\uFFFD\uFFFD\uFFFD");  // a surrogate
  EXPECT_EQ(to_valid_utf8("\xC0\x80"), "\uFFFD\uFFFD");            // overlong
}

TEST(SplitName, IsReadAndWritten) {
  const auto split = parse_split_name("folder/model-Q4_0-00002-of-00012.gguf");
  ASSERT_TRUE(split);
  EXPECT_EQ(split->before, "folder/model-Q4_0");
  EXPECT_EQ(split->number, 2);
  EXPECT_EQ(split->count, 12);
  EXPECT_EQ(split->extension, ".gguf");
  EXPECT_EQ(split->of(12), "folder/model-Q4_0-00012-of-00012.gguf");
  for (const char* other :
       {"", "model.gguf", "model-00000-of-00002.gguf", "model-00003-of-00002.gguf", "model-0001-of-00002.gguf",
        "model-00001-of-002.gguf", "model_00001-of-00002.gguf", "model-00001-of-00002", "model-0000x-of-00002.gguf",
        "-of-00002.gguf", "00001-of-00002.gguf", "model--0001-of-00002.gguf"}) {
    EXPECT_FALSE(parse_split_name(other)) << other;
  }
}

TEST(Json, LimitsDepthAndNamesThePlace) {
  const auto nested = [](std::int64_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  EXPECT_NO_THROW(parse_json(nested(limits().json_depth), "test"));
  EXPECT_EQ(code_of([&] { parse_json(nested(limits().json_depth + 1), "test"); }), ErrorCode::invalid_json);
  EXPECT_NO_THROW(parse_json(R"({"brackets in a string": "[[[[\"[[["})", "test"));
  try {
    parse_json(R"({"a": })", "config.json");
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.message(), testing::HasSubstr("config.json"));
    EXPECT_THAT(error.message(), testing::HasSubstr("7"));
  }
  EXPECT_EQ(dump_json(OrderedJson{{"path", "a\xFF"}}), "{\"path\":\"a\uFFFD\"}");
}

TEST(Json, AgreesWithTheJsonTestSuite) {
  // Extracted by hand from JSONTestSuite's categories: accepted, refused.
  for (const char* good : {"[1e0]", "[\"\\uD834\\uDD1E\"]", " {} ", "[-0]"}) EXPECT_NO_THROW(parse_json(good, "y"));
  for (const char* bad : {"[1,]", "{\"a\" b}", "[\"\t\"]", "[+1]", "nul", "", "[\"\xFF\"]", "\"\\uD834\" x"}) {
    EXPECT_EQ(code_of([&] { parse_json(bad, "n"); }), ErrorCode::invalid_json) << bad;
  }
  EXPECT_EQ(code_of([&] { parse_json(std::string_view("{}\0{", 4), "n"); }), ErrorCode::invalid_json);
}

TEST(Message, SpeaksTheUsersLanguage) {
  const Language before = language();
  set_language(Language::english);
  EXPECT_EQ(message("{}: not a file", "a"), "a: not a file");
  set_language(Language::chinese);
  EXPECT_EQ(message("{}: not a file", "a"), "a：不是文件");
  set_language(before);
}

TEST(Lazy, IsMadeOnceAtTheFirstLookThatSucceeds) {
  int tries = 0;
  const Lazy<int> value([&tries] {
    if (++tries == 1) throw Error(ErrorCode::out_of_memory, "not now");
    return std::make_unique<const int>(7);
  });
  EXPECT_EQ(tries, 0);
  EXPECT_EQ(code_of([&] { (void)*value; }), ErrorCode::out_of_memory);
  EXPECT_EQ(*value, 7);
  EXPECT_EQ(*value, 7);
  EXPECT_EQ(tries, 2);
}

TEST(Threads, CountsAtLeastOne) {
  EXPECT_GE(available_threads(), 1);
  EXPECT_EQ(compute_threads(), available_threads());
}

}  // namespace
}  // namespace gaze
