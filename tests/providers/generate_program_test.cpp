// `gaze generate` as people run it, against server.py.
#include <fstream>
#include <span>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "gaze_run.h"
#include "media/encode.h"
#include "media/image.h"
#include "test_service.h"

namespace gaze {
namespace {

using testing::HasSubstr;
using testing::Not;

class GenerateProgramTest : public testing::Test {
 protected:
  GenerateProgramTest() {
    home_.environment = {{"OPENAI_BASE_URL", service_.url("/v1")},
                         {"OPENAI_API_KEY", kTestKey},
                         {"GOOGLE_GEMINI_BASE_URL", service_.url("")},
                         {"GEMINI_API_KEY", "AIza-test-9c1e7d4f8a26b3"}};  // gemini_service.py's KEY
  }
  GazeRun generate(const std::string& model, const std::string& output, std::vector<std::string> more = {}) {
    std::vector<std::string> line{"generate", "一只猫", "--model", model, "--output", home_.path(output).string(),
                                  "--json"};
    line.insert(line.end(), more.begin(), more.end());
    return home_.run(line);
  }
  bool is_png(const std::string& name) const {
    return read_text_file(home_.path(name), 1'000'000).starts_with("\x89PNG");
  }

  TestService service_;
  GazeHome home_;
};

TEST_F(GenerateProgramTest, WritesWhatOpenAiMakes) {
  const GazeRun run = generate("openai:gpt-image-1", "cat.png", {"--size", "1024x1024", "--quality", "high"});
  EXPECT_EQ(run.status, 0) << run.out;
  EXPECT_EQ(run.json()["model"], "openai:gpt-image-1");
  EXPECT_EQ(run.json()["images"][0]["path"], home_.path("cat.png").string());
  EXPECT_TRUE(run.json()["images"][0]["seed"].is_null());
  EXPECT_TRUE(is_png("cat.png"));
  const Json body = TestService::body_of(service_.requests().at(0));
  EXPECT_EQ(body["size"], "1024x1024");
  EXPECT_EQ(body["quality"], "high");
  const GazeRun two = generate("openai:dall-e-2", "two.jpg", {"--count", "2"});
  EXPECT_EQ(two.json()["images"].size(), 2u);
  EXPECT_TRUE(read_text_file(home_.path("two-2.jpg"), 1'000'000).starts_with("\xFF\xD8"));  // as its name says
}

TEST_F(GenerateProgramTest, ChangesAPicture) {
  write_file_atomically(home_.path("p.jpg"), encode_jpeg({64, 48, std::vector<std::uint8_t>(64 * 48 * 3, 120)}, 90));
  const GazeRun run = generate("openai:gpt-image-1", "cat.png", {"--image", home_.path("p.jpg").string()});
  EXPECT_EQ(run.status, 0) << run.out;
  EXPECT_EQ(service_.requests().at(0)["path"], "/v1/images/edits");
  EXPECT_EQ(generate("openai:gpt-image-1", "cat.png", {"--mask", home_.path("p.jpg").string()}).status, 2);
}

TEST_F(GenerateProgramTest, VariesAPicture) {
  std::vector<std::uint8_t> red_and_blue;  // red on the left and right, blue in the middle square
  for (int i = 0; i < 100 * 40; ++i) {
    const bool middle = i % 100 >= 30 && i % 100 < 70;
    for (const int value : {middle ? 0 : 255, 0, middle ? 255 : 0})
      red_and_blue.push_back(static_cast<std::uint8_t>(value));
  }
  write_file_atomically(home_.path("p.jpg"), encode_jpeg({100, 40, red_and_blue}, 95));
  const auto vary = [&](const std::string& model, std::vector<std::string> more) {
    std::vector<std::string> line{"generate", "--model", model, "--output", home_.path("v.png").string(), "--json"};
    line.insert(line.end(), more.begin(), more.end());
    return home_.run(line);
  };
  const std::vector<std::string> image{"--image", home_.path("p.jpg").string()};
  const GazeRun run = vary("openai:dall-e-2", image);
  EXPECT_EQ(run.status, 0) << run.out;
  EXPECT_TRUE(is_png("v.png"));
  const std::vector<Json> sent = service_.requests();
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(sent[0]["path"], "/v1/images/variations");
  const auto form = TestService::form_of(sent[0]);
  ASSERT_EQ(form.size(), 4u);
  EXPECT_EQ(form[0][0], "image");
  EXPECT_EQ(form[0][2], "image/png");
  EXPECT_EQ(form[1], (std::vector<std::string>{"model", "", "", "dall-e-2"}));
  EXPECT_EQ(form[2], (std::vector<std::string>{"n", "", "", "1"}));
  EXPECT_EQ(form[3], (std::vector<std::string>{"response_format", "", "", "b64_json"}));
  const Image varied = decode_image(std::as_bytes(std::span(form[0][3])), "test");
  EXPECT_EQ(varied.width, 40);
  EXPECT_EQ(varied.height, 40);
  EXPECT_LT(varied.row(20)[3 * 2], 60);  // blue from side to side
  EXPECT_GT(varied.row(20)[3 * 2 + 2], 200);
  EXPECT_GT(varied.row(20)[3 * 37 + 2], 200);

  for (const char* model : {"openai:gpt-image-1", "openai:dall-e-3", "gemini:gemini-2.5-flash-image"}) {
    const GazeRun refused = vary(model, image);
    EXPECT_EQ(refused.error_code(), "usage") << model;
    EXPECT_THAT(refused.out, HasSubstr("needs a prompt")) << model;
  }
  EXPECT_EQ(vary("openai:dall-e-2", {}).error_code(), "usage");
  EXPECT_EQ(vary("openai:dall-e-2", {image[0], image[1], image[0], image[1]}).error_code(), "usage");
  EXPECT_EQ(vary("openai:dall-e-2", {image[0], image[1], "--mask", image[1]}).error_code(), "usage");
  EXPECT_TRUE(service_.requests().empty());
}

TEST_F(GenerateProgramTest, WritesWhatGeminiAndImagenMake) {
  for (const char* model : {"gemini:gemini-2.5-flash-image", "gemini:imagen-4.0-generate-001"}) {
    const GazeRun run = generate(model, "g.png");
    EXPECT_EQ(run.status, 0) << model << run.out;
    EXPECT_TRUE(is_png("g.png")) << model;
    std::filesystem::remove(home_.path("g.png"));
  }
}

TEST_F(GenerateProgramTest, PicturesHaveAPriceAndACap) {
  std::filesystem::create_directories(home_.path("config/gaze"));
  const auto prices = [&](const std::string& text) { std::ofstream(home_.path("config/gaze/prices.json")) << text; };
  prices(R"({"caps":{"day":0.1},"prices":{"openai:gpt-image-1":{"image":0.04}}})");
  EXPECT_EQ(generate("openai:gpt-image-1", "a.png", {"--count", "3"}).error_code(), "limit_exceeded");
  EXPECT_TRUE(service_.requests().empty());
  EXPECT_EQ(generate("openai:gpt-image-1", "a.png", {"--count", "2"}).status, 0);
  EXPECT_EQ(generate("openai:gpt-image-1", "a.png").error_code(), "limit_exceeded");
  EXPECT_EQ(generate("openai:dall-e-3", "a.png").error_code(), "usage");  // a cap, and no price
}

TEST_F(GenerateProgramTest, ADryRunSendsNothingAndWrongUsageIsTold) {
  const GazeRun dry = generate("openai:gpt-image-1", "cat.png", {"--dry-run"});
  EXPECT_EQ(dry.status, 0);
  EXPECT_EQ(dry.json()["body"]["prompt"], "一只猫");
  EXPECT_THAT(dry.out, Not(HasSubstr(kTestKey.substr(3))));
  EXPECT_EQ(generate("openai:gpt-image-1", "cat.bmp").error_code(), "usage");
  EXPECT_EQ(generate("openai:gpt-image-1", "cat.png", {"--steps", "3"}).error_code(), "usage");
  EXPECT_EQ(home_.run({"generate", "x", "--model", "openai:gpt-image-1", "--json"}).error_code(), "usage");
  EXPECT_EQ(home_.run({"generate", "x", "--output", "a.png", "--json"}).error_code(), "model_not_found");
  EXPECT_TRUE(service_.requests().empty());
}

}  // namespace
}  // namespace gaze
