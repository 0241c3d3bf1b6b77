#include "tensor/npy.h"

#include <bit>
#include <cstring>
#include <string>

#include "base/file.h"

namespace gaze {

void write_npy(const std::filesystem::path& path, const Tensor& tensor) {
  static_assert(std::endian::native == std::endian::little);
  GAZE_CHECK(tensor.dtype() == DType::f32);
  std::string shape;
  for (const auto extent : tensor.shape().extents()) shape += std::to_string(extent) + ",";
  std::string header = "{'descr': '<f4', 'fortran_order': False, 'shape': (" + shape + "), }";
  constexpr std::size_t kPreamble = 10;  // magic, version, header length; with the header a multiple of 64
  header.append(63 - (kPreamble + header.size()) % 64, ' ');
  header += '\n';

  Bytes bytes(kPreamble + header.size() + tensor.bytes());
  std::memcpy(bytes.data(), "\x93NUMPY\x01\x00", 8);
  bytes[8] = static_cast<std::byte>(header.size() % 256);
  bytes[9] = static_cast<std::byte>(header.size() / 256);
  std::memcpy(bytes.data() + kPreamble, header.data(), header.size());
  if (tensor.bytes() > 0) std::memcpy(bytes.data() + kPreamble + header.size(), tensor.raw(), tensor.bytes());
  write_file_atomically(path, bytes);
}

}  // namespace gaze
