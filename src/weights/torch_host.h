// What torch's names mean in a pickle: storages, and tensors as views of them.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tensor/dtype.h"
#include "weights/pickle.h"
#include "weights/tensor_table.h"

namespace gaze {

// A storage that the pickle mentions; its bytes stand elsewhere in the file.
struct TorchStorage {
  std::string key;
  std::optional<DType> dtype;  // nothing: untyped, counted in bytes
  std::int64_t count = 0;

  std::uint64_t element_size() const { return dtype ? size_of(*dtype) : 1; }
  bool operator==(const TorchStorage&) const = default;
};

// A tensor that the pickle mentions: elements of a storage from `offset` on. Sizes and strides are not negative.
struct TorchTensor {
  std::string storage;
  DType dtype = DType::f32;
  std::int64_t offset = 0;
  std::vector<std::int64_t> size;
  std::vector<std::int64_t> stride;
};

class TorchHost final : public PickleHost {
 public:
  std::optional<int> global(std::string_view module, std::string_view name) override;
  Ref call(Pickle& pickle, int global, Ref arguments) override;
  Ref persistent(Pickle& pickle, Ref id) override;

  // nullptr where the value is not a tensor. Valid until the next tensor is made.
  const TorchTensor* tensor(const Pickle& pickle, Ref ref) const;
  const std::map<std::string, TorchStorage>& storages() const { return storages_; }

 private:
  Ref ordered_dict(Pickle& pickle, Ref arguments);
  Ref rebuild_tensor(Pickle& pickle, int global, Ref arguments);
  std::vector<std::int64_t> extents(const Pickle& pickle, Ref ref) const;

  std::map<std::string, TorchStorage> storages_;
  std::vector<TorchStorage> mentions_;  // one an object: storage values point here
  std::vector<TorchTensor> tensors_;
};

// The tensor `name`, checked against its storage's bytes. `file_bytes` bounds what a strided tensor may take.
StoredTensor place_tensor(const std::string& name, const TorchTensor& tensor, std::span<const std::byte> storage,
                          std::uint64_t file_bytes, const std::string& origin);

}  // namespace gaze
