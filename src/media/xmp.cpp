#include "media/xmp.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <functional>
#include <mutex>
#include <optional>

#include <exiv2/exiv2.hpp>

#include "base/error.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/message.h"
#include "media/image.h"

namespace gaze {
namespace {

// Beside the description stand two marks in our own namespace: what we wrote, and what we wrote over.
constexpr const char* kDescription = "Xmp.dc.description";
constexpr const char* kOurs = "Xmp.gaze.description";
constexpr const char* kBefore = "Xmp.gaze.previousDescription";
constexpr const char* kNamespace = "urn:gaze:xmp:1.0:";

void prepare_exiv2() {
  static std::once_flag once;
  std::call_once(once, [] {
    Exiv2::LogMsg::setLevel(Exiv2::LogMsg::mute);
    Exiv2::XmpParser::initialize();
    Exiv2::XmpProperties::registerNs(kNamespace, "gaze");
  });
}

// exiv2's exceptions as ours.
template <class Action>
auto guarded(const std::filesystem::path& file, const Action& action) {
  try {
    return action();
  } catch (const Exiv2::AnyError& error) {
    throw Error(ErrorCode::bad_image, message("{}: its metadata cannot be read or written: {}", display(file), error.what()));
  }
}

Exiv2::Image::AutoPtr open_metadata(const std::filesystem::path& file) {
  prepare_exiv2();
  return guarded(file, [&] {
    auto image = Exiv2::ImageFactory::open(file.string());
    image->readMetadata();
    return image;
  });
}

std::string text_of(const Exiv2::XmpData& xmp, const char* key) {
  const auto found = xmp.findKey(Exiv2::XmpKey(key));
  if (found == xmp.end()) return {};
  if (const auto* alternatives = dynamic_cast<const Exiv2::LangAltValue*>(&found->value())) {
    const auto standard = alternatives->value_.find("x-default");
    if (standard != alternatives->value_.end()) return standard->second;
    return alternatives->value_.empty() ? std::string() : alternatives->value_.begin()->second;
  }
  return found->toString();
}

void set_or_erase(Exiv2::XmpData& xmp, const char* key, const std::string& text) {
  const Exiv2::XmpKey name(key);
  if (const auto found = xmp.findKey(name); found != xmp.end()) xmp.erase(found);
  if (text.empty()) return;
  if (std::strcmp(key, kDescription) == 0) {
    Exiv2::LangAltValue value;
    value.value_["x-default"] = text;
    xmp.add(name, &value);
  } else {
    Exiv2::XmpTextValue value(text);
    xmp.add(name, &value);
  }
}

// Everything but our own three fields, as text: what must not change.
std::string other_metadata(const Exiv2::Image& image) {
  std::string all;
  for (const auto& item : image.exifData()) all += item.key() + '=' + item.toString() + '\n';
  for (const auto& item : image.iptcData()) all += item.key() + '=' + item.toString() + '\n';
  for (const auto& item : image.xmpData()) {
    const std::string key = item.key();
    if (key != kDescription && key != kOurs && key != kBefore) all += key + '=' + item.toString() + '\n';
  }
  return all + image.comment();
}

// The file that carries a picture's description, and whether it is a sidecar.
struct Carrier {
  std::filesystem::path file;
  bool sidecar = false;
};

Carrier carrier_of(const std::filesystem::path& picture) {
  const auto image = open_metadata(picture);
  if (image->checkMode(Exiv2::mdXmp) & Exiv2::amWrite) return {picture, false};
  std::filesystem::path sidecar = picture;
  sidecar += ".xmp";
  return {sidecar, true};
}

// A copy beside `file` that disappears unless renamed over it.
class Replacement {
 public:
  explicit Replacement(const std::filesystem::path& file) : file_(file), copy_(file.string() + ".gaze-new") {
    const Bytes bytes = std::filesystem::exists(file) ? read_file(file, limits().image_file_bytes) : Bytes();
    write_file_atomically(copy_, bytes);
  }
  Replacement(const Replacement&) = delete;
  Replacement& operator=(const Replacement&) = delete;
  ~Replacement() { ::unlink(copy_.c_str()); }

  const std::filesystem::path& path() const { return copy_; }

  // Gives the copy the times, owner and permissions of the file, syncs it and puts it in the file's place.
  void commit() const {
    const int descriptor = ::open(copy_.c_str(), O_RDONLY | O_CLOEXEC);
    bool good = descriptor >= 0;
    struct stat old {};
    if (good && ::stat(file_.c_str(), &old) == 0) {
      const timespec times[2] = {old.st_atim, old.st_mtim};
      good = ::fchmod(descriptor, old.st_mode & 07777) == 0 && ::futimens(descriptor, times) == 0;
      if (good && ::fchown(descriptor, old.st_uid, old.st_gid) != 0) good = errno == EPERM;  // another's file: stays ours
    }
    good = good && ::fsync(descriptor) == 0;
    if (descriptor >= 0) ::close(descriptor);
    if (!good || ::rename(copy_.c_str(), file_.c_str()) != 0) {
      throw Error(errno == ENOSPC ? ErrorCode::disk_full : ErrorCode::not_found,
                  message("{}: cannot be replaced: {}", display(file_), std::strerror(errno)));
    }
  }

 private:
  std::filesystem::path file_;
  std::filesystem::path copy_;
};

[[noreturn]] void refuse_change(const std::filesystem::path& file) {
  throw Error(ErrorCode::bad_image, message("{}: writing the description would change more than that; left as it is", display(file)));
}

bool same_pixels(const std::filesystem::path& a, const std::filesystem::path& b) {
  const Image first = load_image(a), second = load_image(b);
  return first.width == second.width && first.height == second.height && first.rgb == second.rgb;
}

// Runs `change` on the XMP of a copy of the carrier, checks the copy, and puts it in place.
void replace_metadata(const std::filesystem::path& picture, const Carrier& carrier,
                      const std::function<void(Exiv2::XmpData&)>& change) {
  if (carrier.sidecar && !std::filesystem::exists(carrier.file)) {
    guarded(carrier.file, [&] { Exiv2::ImageFactory::create(Exiv2::ImageType::xmp, carrier.file.string())->writeMetadata(); });
  }
  const Replacement copy(carrier.file);
  const std::string others = other_metadata(*open_metadata(carrier.file));
  Exiv2::XmpData expected;
  {
    auto image = open_metadata(copy.path());
    guarded(carrier.file, [&] {
      change(image->xmpData());
      image->writeMetadata();
    });
    expected = image->xmpData();
  }
  const auto written = open_metadata(copy.path());
  for (const char* key : {kDescription, kOurs, kBefore}) {
    if (text_of(written->xmpData(), key) != text_of(expected, key)) refuse_change(picture);
  }
  if (other_metadata(*written) != others) refuse_change(picture);
  if (!carrier.sidecar && !same_pixels(picture, copy.path())) refuse_change(picture);
  copy.commit();
}

Exiv2::XmpData xmp_of(const Carrier& carrier) {
  if (carrier.sidecar && !std::filesystem::exists(carrier.file)) return {};
  return open_metadata(carrier.file)->xmpData();
}

}  // namespace

DescriptionResult write_description(const std::filesystem::path& picture, const std::string& text,
                                    const DescriptionOptions& options) {
  const Carrier carrier = carrier_of(picture);
  const Exiv2::XmpData xmp = xmp_of(carrier);
  const std::string before = text_of(xmp, kDescription), ours = text_of(xmp, kOurs);
  const bool persons = !before.empty() && before != ours;
  if (before == text) return {DescriptionChange::unchanged, carrier.file, before};
  if (persons && !options.force) return {DescriptionChange::kept, carrier.file, before};
  if (!options.dry_run) {
    replace_metadata(picture, carrier, [&](Exiv2::XmpData& data) {
      set_or_erase(data, kDescription, text);
      set_or_erase(data, kOurs, text);
      if (persons) set_or_erase(data, kBefore, before);
    });
  }
  return {DescriptionChange::written, carrier.file, before};
}

DescriptionResult undo_description(const std::filesystem::path& picture, const DescriptionOptions& options) {
  const Carrier carrier = carrier_of(picture);
  const Exiv2::XmpData xmp = xmp_of(carrier);
  const std::string before = text_of(xmp, kDescription), ours = text_of(xmp, kOurs);
  if (ours.empty()) return {DescriptionChange::unchanged, carrier.file, before};
  const bool edited = before != ours;
  if (!options.dry_run) {
    const std::string previous = text_of(xmp, kBefore);
    replace_metadata(picture, carrier, [&](Exiv2::XmpData& data) {
      if (!edited) set_or_erase(data, kDescription, previous);
      set_or_erase(data, kOurs, {});
      set_or_erase(data, kBefore, {});
    });
    // A sidecar that holds nothing any more was ours alone.
    if (carrier.sidecar && xmp_of(carrier).empty()) std::filesystem::remove(carrier.file);
  }
  return {edited ? DescriptionChange::kept : DescriptionChange::written, carrier.file, before};
}

std::string read_description(const std::filesystem::path& picture) {
  return text_of(xmp_of(carrier_of(picture)), kDescription);
}

}  // namespace gaze
