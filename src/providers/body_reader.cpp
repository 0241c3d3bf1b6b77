#include "providers/body_reader.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>

#include <fcntl.h>
#include <unistd.h>

#include "base/file.h"
#include "base/message.h"

namespace gaze {

BodyReader::BodyReader(const std::vector<BodyPiece>& pieces) : pieces_(pieces) {
  for (const BodyPiece& piece : pieces) {
    Source source;
    if (const auto* file = std::get_if<FilePiece>(&piece)) {
      source.descriptor = ::open(file->path.c_str(), O_RDONLY | O_CLOEXEC);
      if (source.descriptor < 0) {
        const std::string reason = std::generic_category().message(errno);
        close_all();
        throw Error(ErrorCode::not_found, message("{}: cannot be opened: {}", display(file->path), reason));
      }
      source.length = file->length;
    } else {
      source.length = static_cast<std::int64_t>(std::get<std::string>(piece).size());
    }
    size_ += source.length;
    sources_.push_back(source);
  }
}

std::size_t BodyReader::read(char* buffer, std::size_t room) {
  while (piece_ < sources_.size() && within_ == sources_[piece_].length) {
    ++piece_;
    within_ = 0;
  }
  if (piece_ == sources_.size()) return 0;
  const Source& source = sources_[piece_];
  const std::size_t wanted = std::min<std::size_t>(room, static_cast<std::size_t>(source.length - within_));
  if (source.descriptor < 0) {
    std::memcpy(buffer, std::get<std::string>(pieces_[piece_]).data() + within_, wanted);
    within_ += static_cast<std::int64_t>(wanted);
    return wanted;
  }
  const auto& file = std::get<FilePiece>(pieces_[piece_]);
  ssize_t got;
  do {
    got = ::pread(source.descriptor, buffer, wanted, file.offset + within_);
  } while (got < 0 && errno == EINTR);
  if (got <= 0) throw Error(ErrorCode::not_found, message("{}: became shorter while it was sent", display(file.path)));
  within_ += got;
  return static_cast<std::size_t>(got);
}

void BodyReader::close_all() {
  for (const Source& source : sources_) {
    if (source.descriptor >= 0) ::close(source.descriptor);
  }
}

}  // namespace gaze
