#include "models/quantised_checkpoint.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/message.h"
#include "base/new_file.h"
#include "models/llama/gguf.h"
#include "tensor/quantise.h"
#include "text/gguf_vocabulary_of.h"
#include "weights/gguf_writer.h"
#include "weights/views.h"
#include "weights/weight_file.h"

namespace gaze {
namespace {

namespace fs = std::filesystem;
using Parts = llama::ChatModel::Parts;
using Progress = std::function<void(std::int64_t bytes)>;

constexpr const char *kText = "model.gguf", *kEyes = "model.safetensors";

std::int64_t size_of(const TensorInfo& info) {
  return info.shape.elements() * static_cast<std::int64_t>(gaze::size_of(info.dtype));
}

bool is_text(std::string_view name) {
  return name.starts_with("model.") || name.starts_with("lm_head.");
}

// Rows (i, half) of each head, halves first, as (i, half): llama.cpp turns neighbours, the reference halves.
Tensor with_adjacent_pairs(const Tensor& rows, std::int64_t head_dim) {
  const Tensor wide = rows.to_f32();
  Tensor turned = Tensor::empty(wide.shape(), DType::f32);
  const std::int64_t width = wide.elements() / wide.size(0), half = head_dim / 2;
  for (std::int64_t row = 0; row < wide.size(0); ++row) {
    const std::int64_t in_head = row % head_dim, from = row - in_head + in_head / 2 + in_head % 2 * half;
    std::copy_n(wide.data<float>() + from * width, width, turned.data<float>() + row * width);
  }
  return turned;
}

void add_metadata(const Parts& parts, const GgufVocabulary& words, const std::string& name, GgufWriter& writer) {
  const llama::Config& config = parts.config;
  const auto number = [](int value) { return static_cast<std::uint32_t>(value); };
  writer.add("general.architecture", "llama");
  writer.add("general.name", name);
  writer.add("general.quantization_version", std::uint32_t{2});
  writer.add("llama.context_length", number(config.max_position_embeddings));
  writer.add("llama.embedding_length", number(config.hidden_size));
  writer.add("llama.block_count", number(config.num_hidden_layers));
  writer.add("llama.feed_forward_length", number(config.intermediate_size));
  writer.add("llama.attention.head_count", number(config.num_attention_heads));
  writer.add("llama.attention.head_count_kv", number(config.num_key_value_heads));
  writer.add("llama.attention.key_length", number(config.head_dim));
  writer.add("llama.attention.value_length", number(config.head_dim));
  writer.add("llama.attention.layer_norm_rms_epsilon", config.rms_norm_eps);
  writer.add("llama.rope.dimension_count", number(config.head_dim));
  writer.add("llama.rope.freq_base", llama::kGgufRotaryBase);
  if (config.rotary_scale != 1) writer.add("llama.rope.scaling.attn_factor", config.rotary_scale);
  writer.add("llama.vocab_size", number(config.vocab_size));
  writer.add("tokenizer.ggml.model", words.model);
  if (!words.pre.empty()) writer.add("tokenizer.ggml.pre", words.pre);
  writer.add("tokenizer.ggml.tokens", std::span(words.tokens));
  writer.add("tokenizer.ggml.token_type", std::span(words.token_types));
  if (!words.scores.empty()) writer.add("tokenizer.ggml.scores", std::span(words.scores));
  if (!words.merges.empty()) writer.add("tokenizer.ggml.merges", std::span(words.merges));
  for (const auto& [key, id] :
       {std::pair{"bos", words.bos}, {"eos", words.eos}, {"unknown", words.unk}, {"padding", words.pad}}) {
    if (id >= 0) writer.add(fmt::format("tokenizer.ggml.{}_token_id", key), static_cast<std::uint32_t>(id));
  }
  writer.add("tokenizer.ggml.add_bos_token", words.add_bos);
  writer.add("tokenizer.ggml.add_eos_token", words.add_eos);
  if (words.model == "llama") writer.add("tokenizer.ggml.add_space_prefix", words.add_space_prefix);
  if (!parts.jinja.empty()) writer.add("tokenizer.chat_template", parts.jinja);
}

// What the file holds of a tensor: its blocks, or float32 numbers.
struct Stored {
  std::optional<BlockTensor> blocks;
  Tensor numbers;
  std::span<const std::byte> bytes() const {
    return blocks ? blocks->bytes : std::span<const std::byte>(numbers.raw(), numbers.bytes());
  }
};

// What loses most in four bits: values and the way out of the MLP, in the first and last layers and in each third one
// between, as llama.cpp's Q4_K_M has it.
bool is_delicate(std::string_view name, int layers) {
  constexpr std::string_view kLayers = "model.layers.";
  if (!name.starts_with(kLayers)) return false;
  if (name.find(".v_proj.") == std::string_view::npos && name.find(".down_proj.") == std::string_view::npos)
    return false;
  int layer = 0;
  std::from_chars(name.data() + kLayers.size(), name.data() + name.size(), layer);
  return layer < layers / 8 || layer >= 7 * layers / 8 || (layer - layers / 8) % 3 == 2;
}

std::optional<BlockType> type_for(std::string_view name, const Shape& shape, WeightBits bits, int layers) {
  if (shape.rank() != 2 || shape[1] % block_elements(BlockType::q8_0) != 0) return {};
  if (bits == WeightBits::eight || name == "model.embed_tokens.weight" || name == "lm_head.weight")
    return BlockType::q8_0;
  const bool is_wide = shape[1] % block_elements(BlockType::q4_k) == 0;
  if (is_delicate(name, layers)) return is_wide ? BlockType::q6_k : BlockType::q8_0;
  return is_wide ? BlockType::q4_k : BlockType::q4_1;
}

BlockTensor quantised(const Tensor& matrix, BlockType type) {
  if (type == BlockType::q8_0) return quantise_q8_0(matrix);
  return type == BlockType::q6_k ? quantise_six_bits(matrix) : quantise_four_bits(matrix);
}

void write_text(const Parts& parts, const fs::path& from, const fs::path& to, WeightBits bits,
                const Progress& on_read) {
  GgufWriter writer;
  add_metadata(parts, gguf_vocabulary_of(from, *parts.tokenizer, parts.config.vocab_size), from.filename().string(),
               writer);
  struct Row {
    std::string name;  // empty: the factors of the rotary frequencies
    std::optional<BlockType> type;
  };
  std::vector<Row> rows;
  for (const TensorInfo& info : parts.weights->tensors()) {
    const std::optional<std::string> name = llama::gguf_name(info.name);
    if (!is_text(info.name) || !name) continue;
    if (info.name == "lm_head.weight" && parts.config.tie_word_embeddings) continue;
    rows.push_back({info.name, type_for(info.name, info.shape, bits, parts.config.num_hidden_layers)});
    writer.add_tensor(*name, info.shape, rows.back().type);
  }
  const Tensor factors = llama::frequency_factors(parts.config);
  if (factors.defined()) {
    rows.push_back({});
    writer.add_tensor("rope_freqs.weight", factors.shape(), {});
  }
  NewFile file(to);
  Stored stored;
  writer.write(file, [&](std::size_t i) {
    const Row& row = rows[i];
    if (row.name.empty()) return std::span<const std::byte>(factors.raw(), factors.bytes());
    on_read(size_of(*parts.weights->find(row.name)));
    Tensor matrix = parts.weights->tensor(row.name);
    const bool is_turned =
        row.name.find(".q_proj.") != std::string::npos || row.name.find(".k_proj.") != std::string::npos;
    if (is_turned && parts.config.rotary_pairs == RotaryPairs::halves)
      matrix = with_adjacent_pairs(matrix, parts.config.head_dim);
    stored = {};
    if (!row.type) {
      stored.numbers = matrix.to_f32();
    } else {
      stored.blocks = quantised(matrix, *row.type);
    }
    parts.weights->forget(row.name);
    return stored.bytes();
  });
  file.commit();
}

// The other tensors, as they are. Format: huggingface/safetensors, README.
void write_eyes(const Parts& parts, const fs::path& to, const Progress& on_read) {
  Json header = Json::object();
  std::vector<std::string> names;
  std::int64_t offset = 0;
  for (const TensorInfo& info : parts.weights->tensors()) {
    if (is_text(info.name)) continue;
    names.push_back(info.name);
    header[info.name] = {{"dtype", to_string(info.dtype)},
                         {"shape", info.shape.extents()},
                         {"data_offsets", {offset, offset + size_of(info)}}};
    offset += size_of(info);
  }
  if (names.empty()) return;
  std::string head = header.dump();
  head.resize((head.size() + 7) / 8 * 8, ' ');
  const auto length = static_cast<std::uint64_t>(head.size());
  NewFile file(to);
  file.write(std::as_bytes(std::span(&length, 1)));
  file.write(std::as_bytes(std::span(head)));
  for (const std::string& name : names) {
    const Tensor tensor = parts.weights->tensor(name);
    on_read(static_cast<std::int64_t>(tensor.bytes()));
    file.write({tensor.raw(), tensor.bytes()});
    parts.weights->forget(name);
  }
  file.commit();
}

// What a checkpoint folder holds beside its weights and what was written down of their bytes and their answers.
bool is_said_again(const fs::path& file) {
  const std::string name = file.filename().string(), extension = file.extension().string();
  if (name.ends_with(".index.json") || name.starts_with("gaze-")) return false;
  return extension == ".json" || extension == ".txt" || extension == ".jinja" || name == "tokenizer.model" ||
         name == "spiece.model" || name == "README.md" || name.starts_with("LICENSE");
}

// Tensors of two sources, of different names.
class Joined final : public WeightSource {
 public:
  explicit Joined(std::vector<std::shared_ptr<const WeightSource>> sources) : sources_(std::move(sources)) {
    for (const auto& source : sources_) infos_.insert(infos_.end(), source->tensors().begin(), source->tensors().end());
    std::ranges::sort(infos_, {}, &TensorInfo::name);
  }

  const std::vector<TensorInfo>& tensors() const override { return infos_; }
  Tensor tensor(std::string_view name) const override { return holder(name).tensor(name); }
  void forget(std::string_view name) const override { holder(name).forget(name); }
  std::optional<BlockTensor> blocks(std::string_view name) const override { return holder(name).blocks(name); }

 private:
  const WeightSource& holder(std::string_view name) const {
    return *(sources_.size() > 1 && sources_[1]->find(name) ? sources_[1] : sources_[0]);
  }
  std::vector<std::shared_ptr<const WeightSource>> sources_;
  std::vector<TensorInfo> infos_;
};

}  // namespace

bool is_quantised_checkpoint(const fs::path& folder) {
  std::error_code ignored;
  return fs::is_regular_file(folder / kText, ignored);
}

std::shared_ptr<const WeightSource> open_quantised_weights(const fs::path& folder) {
  std::vector<std::shared_ptr<const WeightSource>> sources{
      llama::with_reference_names(map_weight_file(folder / kText))};
  std::error_code ignored;
  if (fs::exists(folder / kEyes, ignored)) sources.push_back(open_weights(folder / kEyes));
  auto joined = std::make_shared<const Joined>(std::move(sources));
  const auto twice = std::ranges::adjacent_find(joined->tensors(), {}, &TensorInfo::name);
  if (twice != joined->tensors().end()) {
    refuse(display(folder), message("two tensors are called {}", in_quotes(twice->name)));
  }
  return joined;
}

QuantiseResult write_quantised_checkpoint(
    const Parts& parts, const fs::path& from, const fs::path& to, WeightBits bits, const CancelToken& cancel,
    const std::function<void(std::int64_t done, std::int64_t total)>& on_progress) {
  QuantiseResult result;
  for (const TensorInfo& info : parts.weights->tensors()) result.bytes_before += size_of(info);
  std::int64_t done = 0;
  const auto on_read = [&](std::int64_t bytes) {
    cancel.check();
    on_progress(done += bytes, result.bytes_before);
  };
  write_text(parts, from, to / kText, bits, on_read);
  write_eyes(parts, to / kEyes, on_read);
  for (const auto& entry : fs::directory_iterator(from)) {
    if (!entry.is_regular_file() || !is_said_again(entry.path())) continue;
    write_file_atomically(to / entry.path().filename(), MappedFile(entry.path()).bytes());
  }
  for (const char* name : {kText, kEyes}) {
    std::error_code ignored;
    if (fs::exists(to / name, ignored)) result.bytes_after += static_cast<std::int64_t>(fs::file_size(to / name));
  }
  return result;
}

}  // namespace gaze
