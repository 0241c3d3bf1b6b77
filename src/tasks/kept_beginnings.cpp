#include "tasks/kept_beginnings.h"

#include <algorithm>
#include <string>

#include "catalog/content_hash.h"

namespace gaze {
namespace {

// Of a beginning as this decoder keeps it.
ContentHash hash_of(std::span<const TokenId> ids, std::span<const SeenPicture> shown,
                    const llama::TextDecoder& decoder) {
  std::string key(to_string(decoder.cache_dtype()));
  key.append(reinterpret_cast<const char*>(ids.data()), ids.size_bytes());
  for (const SeenPicture& each : shown) {
    key.append(reinterpret_cast<const char*>(&each.content), sizeof(each.content));
  }
  return content_hash(std::as_bytes(std::span(key)));
}

}  // namespace

// Up to the last picture; nothing where there is none.
std::span<const TokenId> KeptBeginnings::beginning_of(std::span<const TokenId> prompt) const {
  const auto last = std::find(prompt.rbegin(), prompt.rend(), token_);
  return prompt.first(static_cast<std::size_t>(prompt.rend() - last));
}

bool KeptBeginnings::begin(std::span<const TokenId> prompt, std::span<const SeenPicture> shown,
                           llama::TextDecoder& decoder) const {
  const std::span<const TokenId> ids = beginning_of(prompt);
  if (ids.empty()) return false;
  return cache_.find_beginning(hash_of(ids, shown, decoder), decoder.beginning_bytes(std::ssize(ids)),
                               [&](const auto& read) { decoder.begin_with(ids, read); });
}

void KeptBeginnings::keep(std::span<const TokenId> prompt, std::span<const SeenPicture> shown,
                          const llama::TextDecoder& decoder) const {
  const std::span<const TokenId> ids = beginning_of(prompt);
  if (ids.empty()) return;
  const std::int64_t length = std::ssize(ids);
  cache_.store_beginning(hash_of(ids, shown, decoder), decoder.beginning_bytes(length),
                         [&](const auto& write) { decoder.keep_beginning(length, write); });
}

}  // namespace gaze
