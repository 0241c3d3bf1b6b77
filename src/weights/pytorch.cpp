#include "weights/pytorch.h"

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "base/message.h"
#include "weights/pickle.h"
#include "weights/tensor_table.h"
#include "weights/torch_host.h"
#include "weights/zip_archive.h"

namespace gaze {
namespace {

using StorageBytes = std::function<std::span<const std::byte>(const TorchStorage&)>;

std::string export_hint() {
  return message("load the file in torch and save its state_dict with torch.save or as safetensors");
}

// The first pickle of the older layout: protocol 2 and the number 0x1950A86A20F9469CFC6C.
constexpr std::string_view kOldMagic = "\x80\x02\x8A\x0A\x6C\xFC\x9C\x46\xF9\x20\x6A\xA8\x50\x19.";
constexpr std::int64_t kOldProtocol = 1001;

bool holds_tensors(const Pickle& pickle, const TorchHost& host, Pickle::Ref ref) {
  const PickleValue& dict = pickle[ref];
  if (dict.kind != PickleKind::dict) return false;
  for (std::size_t i = 1; i < dict.items.size(); i += 2) {
    if (host.tensor(pickle, dict.items[i])) return true;
  }
  return false;
}

// The dictionary with the weights: the root, or what a training program calls them in it.
Pickle::Ref find_state_dict(const Pickle& pickle, const TorchHost& host, const std::string& origin) {
  if (holds_tensors(pickle, host, pickle.root())) return pickle.root();
  const PickleValue& root = pickle[pickle.root()];
  if (root.kind == PickleKind::dict) {
    for (const char* wanted : {"state_dict", "model", "module"}) {
      for (std::size_t i = 0; i + 1 < root.items.size(); i += 2) {
        const PickleValue& key = pickle[root.items[i]];
        if (key.kind == PickleKind::text && key.text == wanted && holds_tensors(pickle, host, root.items[i + 1])) {
          return root.items[i + 1];
        }
      }
    }
  }
  refuse(origin, message("no dictionary of tensors in the pickle"), export_hint());
}

std::shared_ptr<const WeightSource> place_all(const WeightFile& file, const Pickle& pickle, const TorchHost& host,
                                              const StorageBytes& bytes_of) {
  const PickleValue& dict = pickle[find_state_dict(pickle, host, file.origin)];
  std::vector<StoredTensor> tensors;
  for (std::size_t i = 0; i + 1 < dict.items.size(); i += 2) {
    const TorchTensor* tensor = host.tensor(pickle, dict.items[i + 1]);
    if (!tensor) continue;
    const PickleValue& key = pickle[dict.items[i]];
    if (key.kind != PickleKind::text || !is_sane_name(key.text)) {
      refuse(file.origin, message("a tensor's name is empty, too long or not text: {}", in_quotes(key.text)));
    }
    const auto storage = bytes_of(host.storages().find(tensor->storage)->second);
    tensors.push_back(place_tensor(std::string(key.text), *tensor, storage, file.bytes.size(), file.origin));
  }
  return std::make_shared<TensorTable>(std::move(tensors), file);
}

// How many bytes a storage must have; nothing where that overflows.
std::optional<std::uint64_t> size_in_bytes(const TorchStorage& storage) {
  std::uint64_t bytes = 0;
  if (__builtin_mul_overflow(static_cast<std::uint64_t>(storage.count), storage.element_size(), &bytes)) return {};
  return bytes;
}

// The folder inside the archive that holds everything: torch names it after the file or "archive".
std::string_view find_prefix(const WeightFile& file, const ZipArchive& archive) {
  constexpr std::string_view kPickle = "/data.pkl";
  std::string_view prefix;
  for (const auto& [name, entry] : archive.entries()) {
    if (!name.ends_with(kPickle) || name.find('/') != name.size() - kPickle.size()) continue;
    if (!prefix.empty()) refuse(file.origin, message("two pickles (data.pkl) in the archive"));
    prefix = name.substr(0, name.find('/'));
  }
  if (prefix.empty()) {
    refuse(file.origin, message("a zip archive without data.pkl: not a checkpoint of torch.save"), export_hint());
  }
  return prefix;
}

std::shared_ptr<const WeightSource> read_archive(const WeightFile& file) {
  const ZipArchive archive(file);
  const std::string prefix(find_prefix(file, archive));
  if (archive.contains(prefix + "/constants.pkl")) {
    refuse(file.origin, message("a TorchScript archive, which holds a program: only plain weights are read"),
           export_hint());
  }
  if (archive.contains(prefix + "/byteorder")) {
    const auto order = archive.bytes(prefix + "/byteorder");
    if (ByteReader(order, file.origin).text(order.size()) != "little") {
      refuse(file.origin, message("saved on a machine of another byte order"), export_hint());
    }
  }
  TorchHost host;
  const Pickle pickle(archive.checked_bytes(prefix + "/data.pkl"), 0, file.origin, host);
  return place_all(file, pickle, host, [&](const TorchStorage& storage) {
    const auto bytes = archive.bytes(prefix + "/data/" + storage.key);
    if (size_in_bytes(storage) != bytes.size()) {
      refuse(file.origin, message("storage {}: {} elements do not take the archive's {} bytes", in_quotes(storage.key),
                                  storage.count, bytes.size()));
    }
    return bytes;
  });
}

// Magic number, protocol and system as pickles; the dictionary; a list of keys; then each storage in the list's order,
// its element count before it.
std::shared_ptr<const WeightSource> read_old_layout(const WeightFile& file) {
  TorchHost host;
  std::uint64_t position = kOldMagic.size();
  const Pickle protocol(file.bytes, position, file.origin, host);
  if (protocol.kind(protocol.root()) != PickleKind::integer || protocol[protocol.root()].integer != kOldProtocol) {
    refuse(file.origin, message("not torch's file protocol {}", kOldProtocol), export_hint());
  }
  const Pickle system(file.bytes, protocol.end(), file.origin, host);
  const PickleValue& facts = system[system.root()];
  for (std::size_t i = 0; i + 1 < facts.items.size(); i += 2) {
    const bool is_order = system[facts.items[i]].text == "little_endian";
    if (is_order && system[facts.items[i + 1]].integer != 1) {
      refuse(file.origin, message("saved on a machine of another byte order"), export_hint());
    }
  }
  const Pickle pickle(file.bytes, system.end(), file.origin, host);
  const Pickle keys(file.bytes, pickle.end(), file.origin, host);

  std::map<std::string, std::span<const std::byte>> found;
  ByteReader reader(file.bytes, file.origin, keys.end());
  for (const Pickle::Ref ref : keys[keys.root()].items) {
    const std::string key(keys[ref].text);
    const auto known = host.storages().find(key);
    if (known == host.storages().end() || found.contains(key)) {
      refuse(file.origin,
             message("the list of storages has {}, which no tensor needs or which stands there twice", in_quotes(key)));
    }
    const TorchStorage& storage = known->second;
    const auto count = reader.number<std::int64_t>();
    const auto bytes = size_in_bytes(storage);
    if (count != storage.count || !bytes) {
      refuse(file.origin, message("storage {}: {} elements in the pickle, {} before its bytes", in_quotes(key),
                                  storage.count, count));
    }
    found[key] = reader.take(*bytes);
  }
  if (reader.remaining() != 0) refuse(file.origin, message("{} bytes follow the last storage", reader.remaining()));
  return place_all(file, pickle, host, [&](const TorchStorage& storage) {
    const auto bytes = found.find(storage.key);
    if (bytes == found.end()) refuse(file.origin, message("no bytes for storage {}", in_quotes(storage.key)));
    return bytes->second;
  });
}

}  // namespace

std::shared_ptr<const WeightSource> read_pytorch(const WeightFile& file) {
  if (looks_like_zip(file)) return read_archive(file);
  const std::string_view text(reinterpret_cast<const char*>(file.bytes.data()), file.bytes.size());
  if (text.starts_with(kOldMagic)) return read_old_layout(file);
  refuse(file.origin, message("neither a zip archive nor the older layout of torch.save"));
}

}  // namespace gaze
