#include "media/xmp.h"

#include <fstream>

#include <exiv2/exiv2.hpp>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "media/image.h"

namespace gaze {
namespace {

namespace fs = std::filesystem;

// A folder of its own with one copy of a picture.
class Xmp : public testing::Test {
 protected:
  Xmp() : folder_(fs::temp_directory_path() / ("gaze-xmp-test-" + std::to_string(::getpid()))) {
    fs::create_directories(folder_);
  }
  ~Xmp() override { fs::remove_all(folder_); }

  fs::path copy_of(const std::string& golden) {
    const fs::path to = folder_ / fs::path(golden).filename();
    fs::copy_file(fs::path(GAZE_SOURCE_DIR) / golden, to, fs::copy_options::overwrite_existing);
    return to;
  }
  // What another program, or a person in it, would have written.
  static void write_as_person(const fs::path& picture, const std::string& text) {
    auto image = Exiv2::ImageFactory::open(picture.string());
    image->readMetadata();
    Exiv2::LangAltValue value;
    value.value_["x-default"] = text;
    image->xmpData().add(Exiv2::XmpKey("Xmp.dc.description"), &value);
    image->exifData()["Exif.Image.Artist"] = "someone";
    image->writeMetadata();
  }

  fs::path folder_;
};

const char* const kJpeg = "tests/golden/media/xmp/picture.jpg";

TEST_F(Xmp, WritesReadsReplacesAndTakesBack) {
  for (const char* golden : {kJpeg, "tests/golden/media/xmp/picture.png", "tests/golden/media/xmp/picture.webp",
                             "tests/golden/media/xmp/picture.tif"}) {
    SCOPED_TRACE(golden);
    const fs::path picture = copy_of(golden);
    const Image pixels = load_image(picture);
    EXPECT_EQ(read_description(picture), "");
    EXPECT_EQ(write_description(picture, "海滩上的日落 & <两只> 狗").change, DescriptionChange::written);
    EXPECT_EQ(read_description(picture), "海滩上的日落 & <两只> 狗");
    EXPECT_EQ(write_description(picture, "海滩上的日落 & <两只> 狗").change, DescriptionChange::unchanged);
    EXPECT_EQ(write_description(picture, "two dogs").change, DescriptionChange::written);
    EXPECT_EQ(read_description(picture), "two dogs");
    EXPECT_EQ(load_image(picture).rgb, pixels.rgb);
    EXPECT_EQ(undo_description(picture).change, DescriptionChange::written);
    EXPECT_EQ(read_description(picture), "");
    EXPECT_EQ(undo_description(picture).change, DescriptionChange::unchanged);
  }
}

TEST_F(Xmp, NeverWritesOverAPersonUnlessForcedAndBringsTheirTextBack) {
  const fs::path picture = copy_of(kJpeg);
  write_as_person(picture, "Grandma in 1961");
  EXPECT_EQ(write_description(picture, "a woman").change, DescriptionChange::kept);
  EXPECT_EQ(read_description(picture), "Grandma in 1961");
  EXPECT_EQ(write_description(picture, "a woman", {.force = true}).change, DescriptionChange::written);
  EXPECT_EQ(write_description(picture, "an old woman").change, DescriptionChange::written);  // ours by now
  EXPECT_EQ(read_description(picture), "an old woman");
  EXPECT_EQ(undo_description(picture).change, DescriptionChange::written);
  EXPECT_EQ(read_description(picture), "Grandma in 1961");
}

TEST_F(Xmp, ATextEditedSinceIsAPersons) {
  const fs::path picture = copy_of(kJpeg);
  write_description(picture, "a woman");
  auto image = Exiv2::ImageFactory::open(picture.string());
  image->readMetadata();
  image->xmpData()["Xmp.dc.description"] = "lang=x-default Grandma";
  image->writeMetadata();
  EXPECT_EQ(write_description(picture, "a dog").change, DescriptionChange::kept);
  EXPECT_EQ(undo_description(picture).change, DescriptionChange::kept);
  EXPECT_EQ(read_description(picture), "Grandma");
}

TEST_F(Xmp, KeepsTimesPermissionsAndAllOtherMetadata) {
  const fs::path picture = copy_of(kJpeg);
  write_as_person(picture, "");
  fs::permissions(picture, fs::perms::owner_read | fs::perms::owner_write | fs::perms::group_read);
  const timespec times[2] = {{1'000'000'000, 5}, {1'100'000'000, 7}};
  ASSERT_EQ(::utimensat(AT_FDCWD, picture.c_str(), times, 0), 0);
  write_description(picture, "a dog");
  struct stat now {};
  ASSERT_EQ(::stat(picture.c_str(), &now), 0);
  EXPECT_EQ(now.st_mtim.tv_sec, 1'100'000'000);
  EXPECT_EQ(now.st_mtim.tv_nsec, 7);
  EXPECT_EQ(now.st_mode & 0777, 0640u);
  auto image = Exiv2::ImageFactory::open(picture.string());
  image->readMetadata();
  EXPECT_EQ(image->exifData()["Exif.Image.Artist"].toString(), "someone");
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_), {}), 1);  // nothing is left beside it
}

TEST_F(Xmp, FormatsWithoutXmpGetASidecar) {
  const fs::path picture = copy_of("tests/golden/media/xmp/picture.gif");
  const Bytes before = read_file(picture, 1 << 20);
  const DescriptionResult result = write_description(picture, "a dog");
  EXPECT_EQ(result.file, fs::path(picture.string() + ".xmp"));
  EXPECT_EQ(read_description(picture), "a dog");
  EXPECT_EQ(read_file(picture, 1 << 20), before);
  EXPECT_EQ(undo_description(picture).change, DescriptionChange::written);
  EXPECT_FALSE(fs::exists(result.file));
}

TEST_F(Xmp, ADryRunTouchesNothing) {
  const fs::path picture = copy_of(kJpeg);
  const Bytes before = read_file(picture, 1 << 20);
  EXPECT_EQ(write_description(picture, "a dog", {.dry_run = true}).change, DescriptionChange::written);
  EXPECT_EQ(read_file(picture, 1 << 20), before);
}

TEST_F(Xmp, RefusesWhatIsNoPictureAndLeavesItWhole) {
  const fs::path text = folder_ / "notes.jpg";
  write_file_atomically(text, "not a picture");
  EXPECT_THROW(write_description(text, "a dog"), Error);
  EXPECT_EQ(read_text_file(text, 100), "not a picture");

  const fs::path cut = copy_of(kJpeg);
  fs::resize_file(cut, fs::file_size(cut) / 2);
  const Bytes before = read_file(cut, 1 << 20);
  EXPECT_THROW(write_description(cut, "a dog"), Error);
  EXPECT_EQ(read_file(cut, 1 << 20), before);
  EXPECT_THROW(write_description(folder_ / "missing.jpg", "a dog"), Error);
}

}  // namespace
}  // namespace gaze
