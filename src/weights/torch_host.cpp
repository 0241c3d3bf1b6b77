#include "weights/torch_host.h"

#include <utility>

#include "base/limits.h"
#include "base/message.h"
#include "weights/weight_file.h"

namespace gaze {
namespace {

// Tags of globals. A storage class or a dtype adds its DType to the first of its sort.
enum Global {
  kOrderedDict,
  kSize,
  kDevice,
  kEncode,
  kRebuildTensor,
  kRebuildTensorV2,
  kRebuildTensorV3,
  kRebuildParameter,
  kUntypedStorage,
  kTypedStorage = 100,
  kDType = 200,
};

// Tags of objects.
enum Object { kStorage, kTensor, kUnread };

struct TorchType {
  const char* storage;
  const char* dtype;
  DType type;
};
constexpr TorchType kTypes[] = {
    {"FloatStorage", "float32", DType::f32},      {"HalfStorage", "float16", DType::f16},
    {"BFloat16Storage", "bfloat16", DType::bf16}, {"DoubleStorage", "float64", DType::f64},
    {"CharStorage", "int8", DType::i8},           {"ByteStorage", "uint8", DType::u8},
    {"ShortStorage", "int16", DType::i16},        {"IntStorage", "int32", DType::i32},
    {"LongStorage", "int64", DType::i64},         {"BoolStorage", "bool", DType::boolean},
};

struct NamedGlobal {
  const char* module;
  const char* name;
  Global tag;
};
constexpr NamedGlobal kGlobals[] = {
    {"collections", "OrderedDict", kOrderedDict},
    {"torch", "Size", kSize},
    {"torch", "device", kDevice},
    {"_codecs", "encode", kEncode},  // how protocol 2 writes bytes
    {"torch._utils", "_rebuild_tensor", kRebuildTensor},
    {"torch._utils", "_rebuild_tensor_v2", kRebuildTensorV2},
    {"torch._utils", "_rebuild_tensor_v3", kRebuildTensorV3},
    {"torch._utils", "_rebuild_parameter", kRebuildParameter},
    {"torch.storage", "UntypedStorage", kUntypedStorage},
};

bool is_dense(const TorchTensor& tensor) {
  std::int64_t expected = 1;
  for (std::size_t axis = tensor.size.size(); axis-- > 0;) {
    if (tensor.size[axis] != 1 && tensor.stride[axis] != expected) return false;
    expected *= tensor.size[axis];
  }
  return true;
}

}  // namespace

std::optional<int> TorchHost::global(std::string_view module, std::string_view name) {
  for (const NamedGlobal& known : kGlobals) {
    if (module == known.module && name == known.name) return known.tag;
  }
  if (module == "torch") {
    for (const TorchType& known : kTypes) {
      if (name == known.storage) return kTypedStorage + static_cast<int>(known.type);
      if (name == known.dtype) return kDType + static_cast<int>(known.type);
    }
  }
  return std::nullopt;
}

PickleHost::Ref TorchHost::call(Pickle& pickle, int global, Ref arguments) {
  const auto& given = pickle[arguments].items;
  switch (global) {
    case kOrderedDict:
      return ordered_dict(pickle, arguments);
    case kSize:
      if (given.size() != 1 || pickle.kind(given[0]) != PickleKind::tuple) {
        pickle.refuse_here(message("torch.Size of something that is not a tuple"));
      }
      return given[0];
    case kDevice:
    case kEncode:
      return pickle.add({.kind = PickleKind::object, .tag = kUnread});
    case kRebuildTensor:
    case kRebuildTensorV2:
    case kRebuildTensorV3:
      return rebuild_tensor(pickle, global, arguments);
    case kRebuildParameter:
      if (given.empty() || !pickle.is_object(given[0], kTensor)) {
        pickle.refuse_here(message("a parameter of something that is not a tensor"));
      }
      return given[0];
    default:
      pickle.refuse_here(message("a call of a type that cannot be called"));
  }
}

// OrderedDict() or, from older Pythons, OrderedDict([[key, value], …]).
PickleHost::Ref TorchHost::ordered_dict(Pickle& pickle, Ref arguments) {
  PickleValue dict{.kind = PickleKind::dict};
  const auto& given = pickle[arguments].items;
  if (given.size() > 1 || (given.size() == 1 && pickle.kind(given[0]) != PickleKind::list)) {
    pickle.refuse_here(message("an OrderedDict of something that is not a list of pairs"));
  }
  if (!given.empty()) {
    for (const Ref ref : pickle[given[0]].items) {
      const PickleValue& pair = pickle[ref];
      const bool holds_two = pair.kind == PickleKind::list || pair.kind == PickleKind::tuple;
      if (!holds_two || pair.items.size() != 2) {
        pickle.refuse_here(message("an OrderedDict of something that is not a list of pairs"));
      }
      dict.items.insert(dict.items.end(), pair.items.begin(), pair.items.end());
    }
  }
  return pickle.add(std::move(dict));
}

// (storage, offset, size, stride[, requires_grad, hooks[, metadata]]); the third version has a dtype after the hooks,
// for storages without a type.
PickleHost::Ref TorchHost::rebuild_tensor(Pickle& pickle, int global, Ref arguments) {
  const auto& given = pickle[arguments].items;
  const std::size_t least = global == kRebuildTensor ? 4 : global == kRebuildTensorV2 ? 6 : 7;
  if (given.size() < least || !pickle.is_object(given[0], kStorage) || pickle.kind(given[1]) != PickleKind::integer ||
      pickle[given[1]].integer < 0) {
    pickle.refuse_here(message("a tensor's arguments are not storage, offset, size and stride"));
  }
  const TorchStorage& storage = mentions_[static_cast<std::size_t>(pickle[given[0]].integer)];
  TorchTensor tensor{storage.key, storage.dtype.value_or(DType::u8), pickle[given[1]].integer,
                     extents(pickle, given[2]), extents(pickle, given[3])};
  if (tensor.size.size() != tensor.stride.size()) {
    pickle.refuse_here(message("a tensor of {} sizes and {} strides", tensor.size.size(), tensor.stride.size()));
  }
  if (global == kRebuildTensorV3) {
    const PickleValue& dtype = pickle[given[6]];
    if (dtype.kind != PickleKind::global || dtype.tag < kDType) {
      pickle.refuse_here(message("a tensor's number type is not one"));
    }
    tensor.dtype = static_cast<DType>(dtype.tag - kDType);
  } else if (!storage.dtype) {
    pickle.refuse_here(message("a tensor without a number type"));
  }
  tensors_.push_back(std::move(tensor));
  const auto index = static_cast<std::int64_t>(tensors_.size() - 1);
  return pickle.add({.kind = PickleKind::object, .tag = kTensor, .integer = index});
}

std::vector<std::int64_t> TorchHost::extents(const Pickle& pickle, Ref ref) const {
  const PickleValue& list = pickle[ref];
  if (list.kind != PickleKind::tuple && list.kind != PickleKind::list) {
    pickle.refuse_here(message("a tensor's size or stride is not a tuple"));
  }
  if (list.items.size() > static_cast<std::size_t>(limits().tensor_dimensions)) {
    pickle.refuse_here(message("a tensor of more than {} dimensions", limits().tensor_dimensions));
  }
  std::vector<std::int64_t> numbers;
  for (const Ref item : list.items) {
    if (pickle.kind(item) != PickleKind::integer || pickle[item].integer < 0) {
      pickle.refuse_here(message("a tensor's size or stride is not a number from 0 on"));
    }
    numbers.push_back(pickle[item].integer);
  }
  return numbers;
}

// ("storage", class, key, location, count); the older layout adds None, or a view that torch gave up before 1.0.
PickleHost::Ref TorchHost::persistent(Pickle& pickle, Ref id) {
  const PickleValue& tuple = pickle[id];
  const auto& given = tuple.items;
  const bool fits = tuple.kind == PickleKind::tuple && given.size() >= 5 && given.size() <= 6 &&
                    pickle.kind(given[0]) == PickleKind::text && pickle[given[0]].text == "storage" &&
                    pickle.kind(given[1]) == PickleKind::global && pickle.kind(given[2]) == PickleKind::text &&
                    pickle.kind(given[4]) == PickleKind::integer && pickle[given[4]].integer >= 0 &&
                    (given.size() == 5 || pickle.kind(given[5]) == PickleKind::none);
  if (!fits) pickle.refuse_here(message("a persistent id that is not a storage's"));
  const int type = pickle[given[1]].tag;
  const bool typed = type >= kTypedStorage && type < kDType;
  if (!typed && type != kUntypedStorage) pickle.refuse_here(message("a persistent id that is not a storage's"));

  TorchStorage storage{std::string(pickle[given[2]].text), std::nullopt, pickle[given[4]].integer};
  if (typed) storage.dtype = static_cast<DType>(type - kTypedStorage);
  if (storages_.emplace(storage.key, storage).first->second != storage) {
    pickle.refuse_here(message("storage {} is there with two types or sizes", in_quotes(storage.key)));
  }
  mentions_.push_back(std::move(storage));
  const auto index = static_cast<std::int64_t>(mentions_.size() - 1);
  return pickle.add({.kind = PickleKind::object, .tag = kStorage, .integer = index});
}

const TorchTensor* TorchHost::tensor(const Pickle& pickle, Ref ref) const {
  return pickle.is_object(ref, kTensor) ? &tensors_[static_cast<std::size_t>(pickle[ref].integer)] : nullptr;
}

StoredTensor place_tensor(const std::string& name, const TorchTensor& tensor, std::span<const std::byte> storage,
                          std::uint64_t file_bytes, const std::string& origin) {
  StoredTensor placed{{name, tensor.dtype, Shape(tensor.size)}, {}, {}};
  const std::uint64_t bytes = byte_size(placed.info, origin);
  if (bytes == 0) return placed;

  std::int64_t last = tensor.offset;
  bool overflow = false;
  for (std::size_t axis = 0; axis < tensor.size.size(); ++axis) {
    std::int64_t way = 0;
    overflow |= __builtin_mul_overflow(tensor.size[axis] - 1, tensor.stride[axis], &way);
    overflow |= __builtin_add_overflow(last, way, &last);
  }
  const std::uint64_t size = size_of(tensor.dtype);
  if (overflow || static_cast<std::uint64_t>(last) >= storage.size() / size) {
    refuse(origin, message("tensor {}: reaches beyond its storage of {} bytes", in_quotes(name), storage.size()));
  }
  const std::uint64_t begin = static_cast<std::uint64_t>(tensor.offset) * size;
  if (is_dense(tensor)) {
    placed.bytes = storage.subspan(begin, bytes);
    return placed;
  }
  if (bytes > file_bytes) {
    refuse(origin, message("tensor {}: shape {} repeats its storage to more than the file's size", in_quotes(name),
                           to_string(placed.info.shape)));
  }
  placed.bytes = storage.subspan(begin, (static_cast<std::uint64_t>(last) + 1) * size - begin);
  placed.strides = tensor.stride;
  return placed;
}

}  // namespace gaze
