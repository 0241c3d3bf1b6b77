// A finite automaton over bytes: which texts an answer may be. Built from parts as a regular expression is (Thompson
// 1968), run as sets of states that are worked out when they are met.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string_view>
#include <vector>

namespace gaze {

// Parts are connected between states; `limit` states at most.
class ByteAutomatonBuilder {
 public:
  using State = std::int32_t;

  explicit ByteAutomatonBuilder(std::size_t limit = 100'000) : limit_(limit) {}

  // Errors: limit_exceeded.
  State add_state();
  void connect(State from, State to);                                           // by nothing
  void connect(State from, unsigned char least, unsigned char most, State to);  // by one byte
  State text(State from, std::string_view bytes);                               // returns where it ends

 private:
  friend class ByteAutomaton;
  struct Edge {
    unsigned char least, most;
    State to;
  };
  struct Node {
    std::vector<Edge> edges;
    std::vector<State> free;  // reached by nothing
  };
  std::size_t limit_;
  std::vector<Node> nodes_;
};

// For one thread at a time. States are small numbers that stay what they are.
class ByteAutomaton {
 public:
  static constexpr std::int32_t kDead = -1;

  ByteAutomaton(ByteAutomatonBuilder builder, ByteAutomatonBuilder::State begin, ByteAutomatonBuilder::State end);

  std::int32_t begin() const { return 0; }
  // Where a byte leads; kDead where no text goes on so.
  std::int32_t next(std::int32_t state, unsigned char byte);
  bool accepts(std::int32_t state) const { return shortest(state) == 0; }
  // Bytes that are missing at least to a whole text.
  std::int32_t shortest(std::int32_t state) const { return sets_[static_cast<std::size_t>(state)].shortest; }

 private:
  using Members = std::vector<ByteAutomatonBuilder::State>;
  struct Set {
    Members members;                     // sorted
    std::array<std::int32_t, 256> next;  // kUnknown until asked for
    std::int32_t shortest;
  };
  std::int32_t number_of(Members members);
  // Adds it where it is not a member since the last new_round().
  void add(Members& members, ByteAutomatonBuilder::State state);
  void new_round() { ++round_; }

  std::vector<ByteAutomatonBuilder::Node> nodes_;
  std::vector<std::int32_t> shortest_;  // of each node
  std::vector<Set> sets_;
  std::map<Members, std::int32_t> known_;
  std::vector<std::int64_t> seen_in_;  // the round in which each node became a member
  std::int64_t round_ = 0;
};

}  // namespace gaze
