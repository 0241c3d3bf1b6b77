#include "tensor/npy.h"

#include <filesystem>

#include <gtest/gtest.h>

#include "base/file.h"

namespace gaze {
namespace {

TEST(Npy, IsWhatNumpyReads) {
  const auto path = std::filesystem::temp_directory_path() / "gaze_npy_test.npy";
  write_npy(path, Tensor::of<float>({2, 1}, {1.0f, -2.5f}));
  const std::string bytes = read_text_file(path, 1000);
  std::filesystem::remove(path);
  ASSERT_EQ(bytes.size(), 128u + 8u);  // numpy asks that the data start at a multiple of 64
  EXPECT_EQ(bytes.substr(0, 10), std::string("\x93NUMPY\x01\x00\x76\x00", 10));
  EXPECT_EQ(bytes.substr(10, 59), "{'descr': '<f4', 'fortran_order': False, 'shape': (2,1,), }");
  EXPECT_EQ(bytes[127], '\n');
  EXPECT_EQ(bytes.substr(128), std::string("\x00\x00\x80\x3F\x00\x00\x20\xC0", 8));
}

}  // namespace
}  // namespace gaze
