// Reads a request's body in order, from memory and from files.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "providers/http.h"

namespace gaze {

// `pieces` must outlive it. Not thread-safe.
class BodyReader {
 public:
  // Errors: not_found (a piece's file).
  explicit BodyReader(const std::vector<BodyPiece>& pieces);
  BodyReader(const BodyReader&) = delete;
  BodyReader& operator=(const BodyReader&) = delete;
  ~BodyReader() { close_all(); }

  std::int64_t size() const { return size_; }  // bytes in all

  // Fills `buffer` with at most `room` bytes; how many: 0 at the end. Errors: not_found (a file is shorter than it
  // was).
  std::size_t read(char* buffer, std::size_t room);

  void rewind() { piece_ = 0, within_ = 0; }

 private:
  struct Source {
    int descriptor = -1;  // -1: text
    std::int64_t length = 0;
  };
  void close_all();

  const std::vector<BodyPiece>& pieces_;
  std::vector<Source> sources_;
  std::int64_t size_ = 0;
  std::size_t piece_ = 0;
  std::int64_t within_ = 0;
};

}  // namespace gaze
