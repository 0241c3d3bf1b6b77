// Care for people's money and pictures: answers kept, spending capped, pictures made ready to leave.
#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "media/encode.h"
#include "media/image.h"
#include "media/strip_metadata.h"
#include "providers/answer_cache.h"
#include "providers/api_call.h"
#include "providers/picture_upload.h"
#include "providers/spending.h"

namespace gaze {
namespace {

using testing::HasSubstr;

class CareTest : public testing::Test {
 protected:
  CareTest() { std::filesystem::create_directories(folder_); }
  ~CareTest() override { std::filesystem::remove_all(folder_); }
  static ErrorCode code_of(const std::function<void()>& action) {
    try {
      action();
    } catch (const Error& error) {
      return error.code();
    }
    ADD_FAILURE() << "no error was thrown";
    return ErrorCode::internal;
  }
  const std::filesystem::path folder_ =
      std::filesystem::temp_directory_path() / ("gaze-care-test-" + std::to_string(::getpid()));
};

TEST_F(CareTest, KeepsAnswersByWhatWasAsked) {
  const AnswerCache cache(folder_ / "answers");
  const HttpRequest one =
      json_request("http://a/v1", {{"Authorization", "Bearer secret", Secret("secret")}}, {{"q", "猫"}});
  const HttpRequest same =
      json_request("http://a/v1", {{"Authorization", "Bearer other", Secret("other")}}, {{"q", "猫"}});
  const HttpRequest other = json_request("http://a/v1", {}, {{"q", "狗"}});
  EXPECT_FALSE(cache.find(one).has_value());
  cache.store(one, {"一只猫", "stop", {3, 4}, {}});
  ASSERT_TRUE(cache.find(same).has_value());
  EXPECT_EQ(cache.find(same)->text, "一只猫");
  EXPECT_EQ(cache.find(same)->usage.completion_tokens, 4);
  EXPECT_FALSE(cache.find(other).has_value());
  cache.store(other, {"", "content_filter", {}, {}});
  EXPECT_FALSE(cache.find(other).has_value());
  struct stat status {};
  ASSERT_EQ(::stat((folder_ / "answers").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 077, 0u);
  for (const auto& entry : std::filesystem::directory_iterator(folder_ / "answers"))
    std::ofstream(entry.path()) << "{broken";
  EXPECT_FALSE(cache.find(one).has_value());
}

TEST_F(CareTest, StopsAtTheCap) {
  std::ofstream(folder_ / "prices.json")
      << R"({"currency":"CNY","caps":{"day":0.01},"prices":{"openai:m":{"input":1,"output":10}}})";
  SpendingAccount account(PriceTable::load(folder_ / "prices.json"), folder_ / "deep" / "spending.jsonl");
  const Usage usage{1000, 500};  // 0.006
  EXPECT_DOUBLE_EQ(account.cost("openai:m", usage).value(), 0.006);
  {
    const auto reservation = account.reserve("openai:m", usage);
    EXPECT_EQ(code_of([&] { account.reserve("openai:m", usage); }), ErrorCode::limit_exceeded);  // another is under way
  }
  account.record("openai:m", usage);
  try {
    account.reserve("openai:m", usage);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::limit_exceeded);
    EXPECT_THAT(error.message(), HasSubstr("0.0060"));
    EXPECT_THAT(error.message(), HasSubstr("CNY"));
  }
  EXPECT_NO_THROW(account.reserve("openai:m", {1000, 100}));
  EXPECT_EQ(code_of([&] { account.reserve("openai:unpriced", usage); }), ErrorCode::usage);
  std::ofstream(folder_ / "deep" / "spending.jsonl", std::ios::app)
      << "{\"time\":\"1999-01-01T00:00:00Z\",\"cost\":5}\n{\"time\":\"20";  // long ago, and cut short
  const auto spent = account.spent(std::time(nullptr));
  EXPECT_DOUBLE_EQ(spent.day, 0.006);
  EXPECT_DOUBLE_EQ(spent.year, 0.006);

  SpendingAccount free(PriceTable::load(folder_ / "missing.json"), folder_ / "other.jsonl");
  EXPECT_NO_THROW(free.reserve("anything", usage));
  for (const char* bad :
       {"{", R"({"caps":{"day":-1}})", R"({"caps":{"day":"1"}})", R"({"prices":{"m":{"input":null}}})"}) {
    std::ofstream(folder_ / "bad.json") << bad;
    EXPECT_EQ(code_of([&] { PriceTable::load(folder_ / "bad.json"); }), ErrorCode::invalid_json) << bad;
  }
}

Image gradient(int width, int height) {
  Image image{width, height, std::vector<std::uint8_t>(static_cast<std::size_t>(width) * height * 3)};
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      image.row(y)[x * 3] = static_cast<std::uint8_t>(255 * x / width);
      image.row(y)[x * 3 + 1] = static_cast<std::uint8_t>(255 * y / height);
    }
  }
  return image;
}

std::string text_of(const Bytes& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

Bytes with_exif(const Bytes& jpeg, int orientation) {
  const std::string segment = std::string(
                                  "\xFF\xE1\0\x2B"
                                  "Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0",
                                  28) +
                              static_cast<char>(orientation) + std::string(7, '\0') + "GPS here!";
  const std::string whole = text_of(jpeg).substr(0, 2) + segment + text_of(jpeg).substr(2);
  const auto view = std::as_bytes(std::span(whole));
  return {view.begin(), view.end()};
}

TEST_F(CareTest, KeepsThePixelsOfAPictureThatNeedsNoChange) {
  const Bytes clean = encode_jpeg(gradient(300, 200), 90);
  const PreparedPicture picture = prepare_picture(with_exif(clean, 1), "test", PictureRules());
  EXPECT_EQ(picture.file, clean);
  EXPECT_EQ(picture.mime_type, "image/jpeg");
  EXPECT_EQ(picture.width, 300);
}

TEST_F(CareTest, TurnsUprightAndScalesToWhatTheServiceUses) {
  const Bytes turned = with_exif(encode_jpeg(gradient(300, 200), 90), 6);
  PreparedPicture picture = prepare_picture(turned, "test", PictureRules());
  EXPECT_EQ(picture.width, 200);
  EXPECT_EQ(picture.height, 300);
  EXPECT_THAT(text_of(picture.file), testing::Not(HasSubstr("GPS")));
  const Image upright = decode_image(picture.file, "test");
  EXPECT_EQ(upright.width, 200);
  EXPECT_LT(upright.row(0)[100 * 3] + 100, upright.row(299)[100 * 3] + 0);  // what grew to the right grows down

  PictureRules rules;
  rules.longest_side = 100;
  rules.shorter_side = 40;
  picture = prepare_picture(turned, "test", rules);
  EXPECT_EQ(picture.width, 40);
  EXPECT_EQ(picture.height, 60);
  rules = {.mime_types = {"image/png"}};
  EXPECT_EQ(prepare_picture(turned, "test", rules).mime_type, "image/png");
  rules.square = true;
  rules.longest_side = 150;
  picture = prepare_picture(turned, "test", rules);  // the middle 200 of 300 rows, scaled
  EXPECT_EQ(picture.mime_type, "image/png");
  EXPECT_EQ(decode_image(picture.file, "test").width, 150);
  EXPECT_EQ(decode_image(picture.file, "test").height, 150);
  EXPECT_EQ(picture.height, 150);
  EXPECT_THAT(text_of(picture.file), testing::Not(HasSubstr("GPS")));
  EXPECT_EQ(prepare_picture(picture.file, "test", rules).file, picture.file);  // it is one already
  rules.bytes = 100;
  EXPECT_EQ(code_of([&] { prepare_picture(turned, "test", rules); }), ErrorCode::limit_exceeded);
  EXPECT_EQ(code_of([&] { prepare_picture({}, "test", rules); }), ErrorCode::bad_image);
}

}  // namespace
}  // namespace gaze
