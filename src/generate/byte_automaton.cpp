#include "generate/byte_automaton.h"

#include <algorithm>
#include <deque>
#include <limits>
#include <utility>

#include "base/check.h"
#include "base/error.h"
#include "base/message.h"

namespace gaze {
namespace {

constexpr std::int32_t kUnknown = -2;
constexpr std::int32_t kFar = std::numeric_limits<std::int32_t>::max();

}  // namespace

ByteAutomatonBuilder::State ByteAutomatonBuilder::add_state() {
  if (nodes_.size() >= limit_) {
    throw Error(ErrorCode::limit_exceeded, message("the schema needs more than {} states", limit_),
                message("make it smaller: fewer properties, lower maxItems and maxLength"));
  }
  nodes_.emplace_back();
  return static_cast<State>(nodes_.size() - 1);
}

void ByteAutomatonBuilder::connect(State from, State to) {
  nodes_[static_cast<std::size_t>(from)].free.push_back(to);
}

void ByteAutomatonBuilder::connect(State from, unsigned char least, unsigned char most, State to) {
  nodes_[static_cast<std::size_t>(from)].edges.push_back({least, most, to});
}

ByteAutomatonBuilder::State ByteAutomatonBuilder::text(State from, std::string_view bytes) {
  for (const char byte : bytes) {
    const State to = add_state();
    connect(from, static_cast<unsigned char>(byte), static_cast<unsigned char>(byte), to);
    from = to;
  }
  return from;
}

ByteAutomaton::ByteAutomaton(ByteAutomatonBuilder builder, ByteAutomatonBuilder::State begin,
                             ByteAutomatonBuilder::State end)
    : nodes_(std::move(builder.nodes_)), shortest_(nodes_.size(), kFar), seen_in_(nodes_.size()) {
  // From the end backwards: a byte costs one, nothing costs nothing.
  std::vector<std::vector<std::pair<std::int32_t, std::int32_t>>> before(nodes_.size());
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    const auto from = static_cast<std::int32_t>(i);
    for (const std::int32_t to : nodes_[i].free) before[static_cast<std::size_t>(to)].emplace_back(from, 0);
    for (const auto& edge : nodes_[i].edges) before[static_cast<std::size_t>(edge.to)].emplace_back(from, 1);
  }
  std::deque<std::int32_t> open{end};
  shortest_[static_cast<std::size_t>(end)] = 0;
  while (!open.empty()) {
    const auto to = static_cast<std::size_t>(open.front());
    open.pop_front();
    for (const auto& [from, cost] : before[to]) {
      std::int32_t& known = shortest_[static_cast<std::size_t>(from)];
      if (shortest_[to] + cost >= known) continue;
      known = shortest_[to] + cost;
      cost == 0 ? open.push_front(from) : open.push_back(from);
    }
  }
  new_round();
  Members first;
  add(first, begin);
  number_of(std::move(first));
}

void ByteAutomaton::add(Members& members, ByteAutomatonBuilder::State state) {
  std::int64_t& seen = seen_in_[static_cast<std::size_t>(state)];
  if (std::exchange(seen, round_) != round_) members.push_back(state);
}

// The set of these, added in this round, and of all that is reached from them by nothing.
std::int32_t ByteAutomaton::number_of(Members members) {
  for (std::size_t i = 0; i < members.size(); ++i) {
    for (const std::int32_t to : nodes_[static_cast<std::size_t>(members[i])].free) add(members, to);
  }
  std::ranges::sort(members);
  const auto [found, is_new] = known_.try_emplace(members, static_cast<std::int32_t>(sets_.size()));
  if (is_new) {
    std::int32_t shortest = kFar;
    for (const std::int32_t member : members) {
      shortest = std::min(shortest, shortest_[static_cast<std::size_t>(member)]);
    }
    Set set{std::move(members), {}, shortest};
    set.next.fill(kUnknown);
    sets_.push_back(std::move(set));
  }
  return found->second;
}

std::int32_t ByteAutomaton::next(std::int32_t state, unsigned char byte) {
  const auto from = static_cast<std::size_t>(state);
  if (sets_[from].next[byte] != kUnknown) return sets_[from].next[byte];
  new_round();
  Members members;
  for (const std::int32_t member : sets_[from].members) {
    for (const auto& edge : nodes_[static_cast<std::size_t>(member)].edges) {
      if (edge.least <= byte && byte <= edge.most) add(members, edge.to);
    }
  }
  const std::int32_t to = members.empty() ? kDead : number_of(std::move(members));
  sets_[from].next[byte] = to;
  return to;
}

}  // namespace gaze
