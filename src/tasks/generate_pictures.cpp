#include "tasks/generate_pictures.h"

#include <algorithm>
#include <cctype>

#include "base/file.h"
#include "base/log.h"
#include "base/message.h"
#include "media/encode.h"
#include "media/image.h"
#include "providers/url.h"

namespace gaze {
namespace {

constexpr int kQuality = 95;

// The MIME type that a file's extension asks for. Errors: usage.
std::string type_of(const std::filesystem::path& output) {
  std::string extension = output.extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(),
                 [](unsigned char c) { return std::tolower(c); });
  if (extension == ".png") return "image/png";
  if (extension == ".jpg" || extension == ".jpeg") return "image/jpeg";
  if (extension == ".webp") return "image/webp";
  throw Error(ErrorCode::usage, message("{}: pictures are written as .png, .jpg or .webp", display(output)));
}

// The bytes as they came where they are of the wanted type already.
Bytes file_as(const GeneratedImage& made, const std::string& type, const std::string& name) {
  if (made.mime_type == type) return made.file;
  const Image image = decode_image(made.file, name);
  if (type == "image/jpeg") return encode_jpeg(image, kQuality);
  if (type == "image/png") return encode_png(image);
  throw Error(ErrorCode::usage, message("{}: the service sends {} and not WebP", name, made.mime_type),
              message("name the output .png or .jpg"));
}

ImageRequest request_of(const RemoteModel& model, const PictureOrder& order) {
  ImageRequest request{.prompt = order.prompt,
                       .size = order.size,
                       .count = order.count,
                       .quality = order.quality,
                       .style = order.style,
                       .background = order.background};
  for (const std::string& picture : order.pictures) {
    request.pictures.push_back(prepare_picture(std::filesystem::path(picture), model.picture_rules("")));
  }
  if (!order.mask.empty()) {
    PictureRules untouched;  // its transparency is the point: it is never decoded
    untouched.longest_side = 0;
    untouched.mime_types = {"image/png"};
    request.mask = prepare_picture(std::filesystem::path(order.mask), untouched);
    if (request.mask->mime_type != "image/png") {
      throw Error(ErrorCode::usage, message("{}: a mask must be a PNG", display(order.mask)));
    }
  }
  return request;
}

Departure departure_of(const RemoteModel& model, const ImageRequest& request, const SpendingAccount& account) {
  Departure leaving{.host = Url(model.spec().base_url).host(),
                    .pictures = static_cast<int>(request.pictures.size() + (request.mask ? 1 : 0)),
                    .text_bytes = static_cast<std::int64_t>(request.prompt.size()),
                    .most_cost = account.cost_of_images(model.spec().text, request.count),
                    .currency = account.currency()};
  for (const PreparedPicture& picture : request.pictures) {
    leaving.bytes += static_cast<std::int64_t>(picture.file.size());
  }
  if (request.mask) leaving.bytes += static_cast<std::int64_t>(request.mask->file.size());
  return leaving;
}

std::filesystem::path numbered(const std::filesystem::path& output, std::size_t number, std::size_t count) {
  if (count == 1) return output;
  std::filesystem::path name = output.stem();
  name += "-" + std::to_string(number);
  name += output.extension();
  return output.parent_path() / name;
}

}  // namespace

OrderedJson describe_order(const RemoteModel& model, const PictureOrder& order) {
  return describe(model.image_request(request_of(model, order)));
}

std::vector<MadePicture> generate_pictures(RemoteAccess& access, const PictureOrder& order,
                                           const std::filesystem::path& output, const CancelToken& cancel) {
  const std::string type = type_of(output);
  const RemoteModel& model = access.model();
  const std::string& name = model.spec().text;
  const ImageRequest request = request_of(model, order);
  const auto reservation = access.account().reserve_images(name, request.count);
  if (access.care().on_departure) access.care().on_departure(departure_of(model, request, access.account()));
  const std::vector<GeneratedImage> made = model.generate_images(request, cancel);
  try {
    access.account().record_images(name, static_cast<int>(made.size()));
  } catch (const Error& error) {  // the pictures are paid for: they are not lost over this
    log_warning(error.message());
  }
  std::vector<MadePicture> written;
  for (std::size_t i = 0; i < made.size(); ++i) {
    const std::filesystem::path path = numbered(output, i + 1, made.size());
    write_file_atomically(path, file_as(made[i], type, display(path)));
    written.push_back({path, made[i].revised_prompt});
  }
  return written;
}

}  // namespace gaze
