#include "media/xmp.h"

#include <cstring>
#include <functional>
#include <mutex>
#include <set>

#include <exiv2/exiv2.hpp>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

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
    throw Error(ErrorCode::bad_image,
                message("{}: its metadata cannot be read or written: {}", display(file), error.what()));
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

// Where things lie in a TIFF file changes with every writing and says nothing.
bool is_layout(const std::string& tag) {
  static const std::set<std::string> names{"StripOffsets", "TileOffsets", "XMLPacket", "ExifTag", "GPSTag", "SubIFDs"};
  return names.contains(tag);
}

// Everything but our own three fields, as text: what must not change.
std::string other_fields(const Exiv2::XmpData& xmp) {
  std::string all;
  for (const auto& item : xmp) {
    const std::string key = item.key();
    if (key != kDescription && key != kOurs && key != kBefore) all += key + '=' + item.toString() + '\n';
  }
  return all;
}
std::string other_metadata(const Exiv2::Image& image) {
  std::string all = image.comment() + '\n';
  for (const auto& item : image.exifData()) {
    if (!is_layout(item.tagName())) all += item.key() + '=' + item.toString() + '\n';
  }
  for (const auto& item : image.iptcData()) all += item.key() + '=' + item.toString() + '\n';
  return all + other_fields(image.xmpData());
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
    write_file_atomically(copy_, read_file(file, limits().image_file_bytes));
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
      if (good && ::fchown(descriptor, old.st_uid, old.st_gid) != 0)
        good = errno == EPERM;  // another's file: stays ours
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
  throw Error(ErrorCode::bad_image,
              message("{}: writing the description would change more than that; left as it is", display(file)));
}

bool same_pixels(const std::filesystem::path& a, const std::filesystem::path& b) {
  const Image first = load_image(a), second = load_image(b);
  return first.width == second.width && first.height == second.height && first.rgb == second.rgb;
}

using Change = std::function<void(Exiv2::XmpData&)>;

bool same_description(const Exiv2::XmpData& a, const Exiv2::XmpData& b) {
  for (const char* key : {kDescription, kOurs, kBefore}) {
    if (text_of(a, key) != text_of(b, key)) return false;
  }
  return true;
}

// Runs `change` on the metadata of a copy, reads the copy back, and puts it in the picture's place.
void change_picture(const std::filesystem::path& picture, const Change& change) {
  const Replacement copy(picture);
  const std::string others = other_metadata(*open_metadata(picture));
  Exiv2::XmpData expected;
  {
    auto image = open_metadata(copy.path());
    guarded(picture, [&] {
      change(image->xmpData());
      if (image->xmpData().empty()) {  // else exiv2 keeps the old packet in WebP files
        image->clearXmpPacket();
        image->writeXmpFromPacket(false);
      }
      image->writeMetadata();
    });
    expected = image->xmpData();
  }
  const auto written = open_metadata(copy.path());
  if (!same_description(written->xmpData(), expected) || other_metadata(*written) != others ||
      !same_pixels(picture, copy.path())) {
    refuse_change(picture);
  }
  copy.commit();
}

// A sidecar is an XMP packet and nothing else.
Exiv2::XmpData read_sidecar(const std::filesystem::path& sidecar) {
  prepare_exiv2();
  Exiv2::XmpData xmp;
  if (!std::filesystem::exists(sidecar)) return xmp;
  const std::string packet = read_text_file(sidecar, limits().image_file_bytes);
  if (Exiv2::XmpParser::decode(xmp, packet) != 0) {
    throw Error(ErrorCode::bad_image, message("{}: not an XMP sidecar", display(sidecar)));
  }
  return xmp;
}

// An empty one disappears: it was ours alone.
void change_sidecar(const std::filesystem::path& sidecar, const Change& change) {
  Exiv2::XmpData xmp = read_sidecar(sidecar);
  const std::string others = other_fields(xmp);
  change(xmp);
  if (xmp.empty()) {
    std::filesystem::remove(sidecar);
    return;
  }
  std::string packet;
  Exiv2::XmpData again;
  const auto format = Exiv2::XmpParser::useCompactFormat | Exiv2::XmpParser::omitPacketWrapper;
  if (Exiv2::XmpParser::encode(packet, xmp, format) != 0 || Exiv2::XmpParser::decode(again, packet) != 0 ||
      !same_description(xmp, again) || other_fields(again) != others) {
    refuse_change(sidecar);
  }
  write_file_atomically(sidecar, packet);
}

void change_description(const std::filesystem::path& picture, const Carrier& carrier, const Change& change) {
  carrier.sidecar ? change_sidecar(carrier.file, change) : change_picture(picture, change);
}

Exiv2::XmpData xmp_of(const Carrier& carrier) {
  return carrier.sidecar ? read_sidecar(carrier.file) : open_metadata(carrier.file)->xmpData();
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
    change_description(picture, carrier, [&](Exiv2::XmpData& data) {
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
    change_description(picture, carrier, [&](Exiv2::XmpData& data) {
      if (!edited) set_or_erase(data, kDescription, previous);
      set_or_erase(data, kOurs, {});
      set_or_erase(data, kBefore, {});
    });
  }
  return {edited ? DescriptionChange::kept : DescriptionChange::written, carrier.file, before};
}

std::string read_description(const std::filesystem::path& picture) {
  return text_of(xmp_of(carrier_of(picture)), kDescription);
}

}  // namespace gaze
