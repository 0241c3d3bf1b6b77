#include "weights/sharded.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/message.h"
#include "weights/weight_file.h"

namespace gaze {
namespace {

class ShardedSource final : public WeightSource {
 public:
  struct Row {
    TensorInfo info;
    std::shared_ptr<const WeightSource> shard;
  };
  // `rows` sorted by name.
  ShardedSource(std::vector<Row> rows, std::string origin) : origin_(std::move(origin)) {
    for (Row& row : rows) {
      infos_.push_back(std::move(row.info));
      shards_.push_back(std::move(row.shard));
    }
  }
  const std::vector<TensorInfo>& tensors() const override { return infos_; }
  Tensor tensor(std::string_view name) const override {
    const TensorInfo* info = find(name);
    if (!info) refuse_missing(origin_, name);
    return shards_[static_cast<std::size_t>(info - infos_.data())]->tensor(name);
  }
  void forget(std::string_view name) const override {
    if (const TensorInfo* info = find(name)) shards_[static_cast<std::size_t>(info - infos_.data())]->forget(name);
  }

 private:
  std::vector<TensorInfo> infos_;
  std::vector<std::shared_ptr<const WeightSource>> shards_;  // in the order of infos_
  std::string origin_;
};

// Json keeps the last of two equal keys without a word; here that would be a choice between two tensors.
void refuse_duplicate_keys(const std::string& text, const std::string& origin) {
  std::vector<std::set<std::string>> open;
  std::ignore = Json::parse(text, [&](int, Json::parse_event_t event, Json& value) {
    if (event == Json::parse_event_t::object_start) open.emplace_back();
    if (event == Json::parse_event_t::object_end) open.pop_back();
    if (event == Json::parse_event_t::key && !open.back().insert(value.get<std::string>()).second) {
      refuse(origin, message("key {} is there twice", in_quotes(value.get<std::string>())));
    }
    return true;
  });
}

bool is_plain_file_name(const std::string& name) {
  return is_sane_name(name) && name.find_first_of("/\\:") == name.npos && name != "." && name != "..";
}

}  // namespace

std::shared_ptr<const WeightSource> open_sharded(const std::filesystem::path& index) {
  const std::string origin = display(index);
  const std::string text = read_text_file(index, limits().json_file_bytes);
  const Json json = parse_json(text, origin);
  refuse_duplicate_keys(text, origin);
  const auto map = json.is_object() ? json.find("weight_map") : json.end();
  if (map == json.end() || !map->is_object()) refuse(origin, message("no weight_map"));

  std::map<std::string, std::shared_ptr<const WeightSource>> shards;
  std::vector<ShardedSource::Row> rows;
  for (const auto& [name, file] : map->items()) {  // Json's objects are sorted by key
    if (!file.is_string() || !is_plain_file_name(file.get<std::string>())) {
      refuse(origin, message("tensor {}: its shard is not a plain file name", in_quotes(name)));
    }
    const auto shard_name = file.get<std::string>();
    const auto path = index.parent_path() / shard_name;
    if (shard_name.ends_with(".json") || std::filesystem::is_directory(path)) {
      refuse(origin, message("tensor {}: its shard is an index or a folder", in_quotes(name)));
    }
    auto& shard = shards[shard_name];
    if (!shard) shard = open_weights(path);
    const TensorInfo* info = shard->find(name);
    if (!info) {
      refuse(origin,
             message("tensor {} is not in {}, where the index says it is", in_quotes(name), in_quotes(shard_name)));
    }
    rows.push_back({*info, shard});
  }
  return std::make_shared<ShardedSource>(std::move(rows), origin);
}

}  // namespace gaze
