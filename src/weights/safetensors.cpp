#include "weights/safetensors.h"

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/limits.h"
#include "base/message.h"
#include "weights/tensor_table.h"

namespace gaze {
namespace {

struct HeaderEntry {
  std::string name;
  std::string dtype;
  std::vector<std::int64_t> shape;
  std::vector<std::uint64_t> offsets;
};

// Takes the header's values as the parser meets them, so that no tree is built and a key that stands twice is seen.
class HeaderHandler final : public nlohmann::json_sax<Json> {
 public:
  explicit HeaderHandler(const std::string& origin) : origin_(origin) {}
  std::vector<HeaderEntry> take() { return std::move(entries_); }

  bool start_object(std::size_t) override {
    deeper();
    if (skip_from_ != 0) return true;
    if (depth_ == 1) return true;
    if (depth_ == 2) {
      fields_seen_.clear();
      in_tensor_ = !in_metadata_;
      if (in_tensor_) entries_.push_back({key_, {}, {}, {}});
      return true;
    }
    return misplaced();
  }
  bool end_object() override {
    if (depth_ == 2 && in_tensor_) require_fields();
    if (depth_ == 2) in_metadata_ = in_tensor_ = false;
    return shallower();
  }
  bool start_array(std::size_t) override {
    deeper();
    if (skip_from_ != 0) return true;
    return depth_ == 3 && !in_metadata_ && (key_ == "shape" || key_ == "data_offsets") ? true : misplaced();
  }
  bool end_array() override { return shallower(); }

  bool key(string_t& name) override {
    if (skip_from_ != 0) return true;
    key_ = name;
    if (depth_ == 1) {
      in_metadata_ = name == "__metadata__";
      if (in_metadata_ && std::exchange(metadata_seen_, true)) refuse(origin_, message("__metadata__ is there twice"));
      if (!is_sane_name(name))
        refuse(origin_, message("a tensor's name is empty, too long or not text: {}", in_quotes(name)));
    } else if (!fields_seen_.insert(name).second) {
      refuse(origin_, in_metadata_ ? message("__metadata__: key {} is there twice", in_quotes(name))
                                   : message("tensor {}: field {} is there twice", tensor(), in_quotes(name)));
    } else if (!in_metadata_ && name != "dtype" && name != "shape" && name != "data_offsets") {
      skip_from_ = depth_ + 1;  // a field of a later version of the format: nothing that we need
    }
    return true;
  }

  bool string(string_t& value) override {
    if (skipped()) return true;
    if (depth_ == 2 && in_metadata_) return true;
    if (depth_ != 2 || key_ != "dtype") return misplaced();
    entries_.back().dtype = value;
    return true;
  }
  bool number_unsigned(number_unsigned_t value) override {
    if (skipped()) return true;
    if (depth_ != 3) return misplaced();
    HeaderEntry& entry = entries_.back();
    if (key_ == "data_offsets") {
      if (entry.offsets.size() == 2) return misplaced();
      entry.offsets.push_back(value);
      return true;
    }
    if (value > static_cast<std::uint64_t>(INT64_MAX)) return misplaced();
    if (entry.shape.size() == static_cast<std::size_t>(limits().tensor_dimensions)) {
      refuse(origin_, message("tensor {}: more than {} dimensions", tensor(), limits().tensor_dimensions));
    }
    entry.shape.push_back(static_cast<std::int64_t>(value));
    return true;
  }
  bool number_integer(number_integer_t) override { return skipped() || misplaced(); }
  bool number_float(number_float_t, const string_t&) override { return skipped() || misplaced(); }
  bool boolean(bool) override { return skipped() || misplaced(); }
  bool null() override { return skipped() || misplaced(); }
  bool binary(binary_t&) override { return misplaced(); }

  bool parse_error(std::size_t byte, const std::string&, const Json::exception&) override {
    refuse(origin_, message("the header is not valid JSON at byte {}", byte + sizeof(std::uint64_t)));
  }

 private:
  std::string tensor() const { return in_quotes(entries_.back().name); }

  void deeper() {
    if (++depth_ > limits().json_depth) {
      refuse(origin_, message("the header is nested deeper than {}", limits().json_depth));
    }
  }
  bool shallower() {
    if (depth_ == skip_from_) skip_from_ = 0;
    --depth_;
    return true;
  }
  // Inside a field that is passed over; a plain value there is also its end.
  bool skipped() {
    if (skip_from_ == 0) return false;
    if (depth_ < skip_from_) skip_from_ = 0;
    return true;
  }
  bool misplaced() {
    refuse(origin_, in_tensor_ ? message("tensor {}: the value of {} is of the wrong kind", tensor(), in_quotes(key_))
                               : message("the header's value of {} is of the wrong kind", in_quotes(key_)));
  }
  void require_fields() {
    for (const char* field : {"dtype", "shape", "data_offsets"}) {
      if (!fields_seen_.contains(field)) refuse(origin_, message("tensor {}: no {}", tensor(), field));
    }
    if (entries_.back().offsets.size() != 2) refuse(origin_, message("tensor {}: data_offsets are not two", tensor()));
  }

  const std::string& origin_;
  std::vector<HeaderEntry> entries_;
  std::set<std::string> fields_seen_;
  std::string key_;
  std::int64_t depth_ = 0;
  std::int64_t skip_from_ = 0;  // depth at which a passed-over value would lie; 0: none is passed over
  bool in_metadata_ = false;
  bool in_tensor_ = false;
  bool metadata_seen_ = false;
};

DType dtype_named(const std::string& dtype, const std::string& name, const std::string& origin) {
  for (const DType known : {DType::f32, DType::f16, DType::bf16, DType::f64, DType::i8, DType::u8, DType::i16,
                            DType::i32, DType::i64, DType::boolean}) {
    if (to_string(known) == dtype) return known;
  }
  refuse(origin, message("tensor {}: number type {} is not supported", in_quotes(name), in_quotes(dtype)),
         message("supported: F64, F32, F16, BF16, I64, I32, I16, I8, U8, BOOL"));
}

std::string_view header_text(const WeightFile& file) {
  ByteReader reader(file.bytes, file.origin);
  const auto length = reader.number<std::uint64_t>();
  if (length > static_cast<std::uint64_t>(limits().safetensors_header_bytes)) {
    refuse(file.origin,
           message("a header of {} bytes, over the limit of {}", length, limits().safetensors_header_bytes));
  }
  const std::string_view text = reader.text(length);
  if (!text.starts_with('{')) refuse(file.origin, message("the header does not begin with '{{' at byte {}", 8));
  // The parser would take a zero byte for the end and not look at what follows.
  if (const auto zero = text.find('\0'); zero != text.npos) {
    refuse(file.origin, message("the header is not valid JSON at byte {}", zero + sizeof(std::uint64_t)));
  }
  return text;
}

}  // namespace

std::shared_ptr<const WeightSource> read_safetensors(const WeightFile& file) {
  const std::string_view text = header_text(file);
  HeaderHandler handler(file.origin);
  Json::sax_parse(text, &handler);
  std::vector<HeaderEntry> entries = handler.take();

  // In the order of their bytes, each must begin where the one before ends.
  std::sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) { return a.offsets < b.offsets; });
  const auto data = file.bytes.subspan(sizeof(std::uint64_t) + text.size());
  std::vector<StoredTensor> tensors;
  tensors.reserve(entries.size());
  std::uint64_t end = 0;
  for (HeaderEntry& entry : entries) {
    const std::string name = in_quotes(entry.name);
    const std::uint64_t begin = entry.offsets[0], stop = entry.offsets[1];
    if (stop < begin) refuse(file.origin, message("tensor {}: ends at {}, before its begin at {}", name, stop, begin));
    if (stop > data.size()) {
      refuse(file.origin,
             message("tensor {}: ends at {}, but there are only {} bytes of data", name, stop, data.size()));
    }
    if (begin > end) refuse(file.origin, message("tensor {}: a hole of {} bytes lies before it", name, begin - end));
    if (begin < end)
      refuse(file.origin, message("tensor {}: overlaps the one before it by {} bytes", name, end - begin));
    end = stop;

    const DType dtype = dtype_named(entry.dtype, entry.name, file.origin);
    TensorInfo info{std::move(entry.name), dtype, Shape(std::move(entry.shape))};
    if (byte_size(info, file.origin) != stop - begin) {
      refuse(file.origin, message("tensor {}: {} of shape {} does not take {} bytes", name, entry.dtype,
                                  to_string(info.shape), stop - begin));
    }
    tensors.push_back({std::move(info), data.subspan(begin, stop - begin), {}});
  }
  if (end != data.size()) {
    refuse(file.origin, message("{} bytes follow the last tensor", data.size() - end));
  }
  return std::make_shared<TensorTable>(std::move(tensors), file);
}

}  // namespace gaze
