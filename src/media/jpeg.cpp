#include "media/jpeg.h"

#include <algorithm>
#include <cstdio>
#include <vector>

// jpeglib.h needs FILE and size_t from above.
#include <jerror.h>
#include <jpeglib.h>

#include "base/message.h"
#include "media/decoders.h"
#include "media/pixels.h"

namespace gaze {
namespace {

constexpr char kFormat[] = "JPEG";

// Visits of 8×8 blocks over all scans of a progressive picture: several times what the largest honest one needs. Stops
// files that repeat cheap scans over a large picture.
constexpr std::int64_t kBlockVisits = 64'000'000;

// The fewest bytes that Huffman-coded blocks can take: one bit for each block's DC value. A header that promises far
// more than the file holds is refused before its pixels are allocated.
bool can_hold_blocks(const jpeg_decompress_struct& info, std::size_t bytes) {
  if (info.arith_code) return true;
  std::int64_t blocks = 0;
  for (int i = 0; i < info.num_components; ++i) {
    blocks += std::int64_t{info.comp_info[i].width_in_blocks} * info.comp_info[i].height_in_blocks;
  }
  return blocks / 8 <= static_cast<std::int64_t>(bytes);
}

}  // namespace

struct JpegReader::State {
  jpeg_decompress_struct info{};
  jpeg_error_mgr errors{};
  jpeg_source_mgr source{};
  jpeg_progress_mgr progress{};
  std::jmp_buf on_error;
  std::int64_t block_visits = 0;
  bool started = false;  // all scans of a progressive picture are read, rows come out
  std::string name;
  std::vector<std::uint8_t> row;  // for grey and CMYK

  static State& of(j_common_ptr info) { return *static_cast<State*>(info->client_data); }
  ~State() { jpeg_destroy_decompress(&info); }

  [[noreturn]] void fail() {
    char text[JMSG_LENGTH_MAX];
    errors.format_message(reinterpret_cast<j_common_ptr>(&info), text);
    throw_broken(name, kFormat, text);
  }
};

JpegReader::JpegReader(std::span<const std::byte> file, const std::string& name, int at_least)
    : state_(std::make_unique<State>()) {
  State& state = *state_;
  auto& info = state.info;
  state.name = name;

  info.err = jpeg_std_error(&state.errors);
  state.errors.error_exit = [](j_common_ptr common) { std::longjmp(State::of(common).on_error, 1); };
  // Warnings about corrupt data pass, as in PIL: the picture is complete, some of it may be wrong.
  state.errors.emit_message = [](j_common_ptr, int) {};
  state.errors.output_message = [](j_common_ptr) {};

  info.client_data = &state;
  if (!returns_normally(state.on_error, [&] { jpeg_create_decompress(&info); })) state.fail();
  info.client_data = &state;

  // The whole file is in memory; past its end the library stops and says so, where it could only invent grey.
  state.source.next_input_byte = reinterpret_cast<const JOCTET*>(file.data());
  state.source.bytes_in_buffer = file.size();
  state.source.init_source = [](j_decompress_ptr) {};
  state.source.term_source = [](j_decompress_ptr) {};
  state.source.fill_input_buffer = [](j_decompress_ptr) -> boolean { return FALSE; };
  state.source.skip_input_data = [](j_decompress_ptr decoder, long count) {
    if (count <= 0) return;
    const auto step = std::min(static_cast<std::size_t>(count), decoder->src->bytes_in_buffer);
    decoder->src->next_input_byte += step;
    decoder->src->bytes_in_buffer -= step;
  };
  state.source.resync_to_restart = jpeg_resync_to_restart;
  info.src = &state.source;

  // Called once for every row of blocks in every scan, and later for every row that comes out.
  state.progress.progress_monitor = [](j_common_ptr common) {
    const auto& decoder = *reinterpret_cast<j_decompress_ptr>(common);
    if (decoder.comps_in_scan == 0 || State::of(common).started) return;
    const int rows = decoder.comps_in_scan == 1 ? decoder.cur_comp_info[0]->v_samp_factor : 1;
    auto& visits = State::of(common).block_visits;
    visits += std::int64_t{decoder.MCUs_per_row} * decoder.blocks_in_MCU * rows;
    if (visits > kBlockVisits) ERREXIT(common, JERR_BAD_PROGRESSION);
  };
  info.progress = &state.progress;

  int header = JPEG_SUSPENDED;
  if (!returns_normally(state.on_error, [&] { header = jpeg_read_header(&info, TRUE); })) state.fail();
  if (header != JPEG_HEADER_OK) throw_truncated(name, kFormat);
  check_image_size(info.image_width, info.image_height, name);
  if (info.num_components != 1 && info.num_components != 3 && info.num_components != 4) {
    throw_broken(name, kFormat, std::to_string(info.num_components) + " components");
  }
  if (!can_hold_blocks(info, file.size())) throw_truncated(name, kFormat);

  if (at_least > 0) {
    const auto side = std::min(info.image_width, info.image_height);
    const auto scaled = [side](unsigned by) { return (side + by - 1) / by; };  // libjpeg rounds up
    while (info.scale_denom < 8 && scaled(info.scale_denom * 2) >= static_cast<unsigned>(at_least)) {
      info.scale_denom *= 2;
    }
  }
  boolean started = FALSE;
  if (!returns_normally(state.on_error, [&] { started = jpeg_start_decompress(&info); })) state.fail();
  if (!started) throw_truncated(name, kFormat);
  state.started = true;
  if (info.out_color_components != 3) state.row.resize(std::size_t{info.output_width} * info.out_color_components);
}

JpegReader::~JpegReader() = default;
int JpegReader::width() const {
  return static_cast<int>(state_->info.output_width);
}
int JpegReader::height() const {
  return static_cast<int>(state_->info.output_height);
}

void JpegReader::read_row(std::uint8_t* rgb) {
  State& state = *state_;
  JSAMPROW target = state.row.empty() ? rgb : state.row.data();
  JDIMENSION rows = 0;
  if (!returns_normally(state.on_error, [&] { rows = jpeg_read_scanlines(&state.info, &target, 1); })) state.fail();
  if (rows != 1) throw_truncated(state.name, kFormat);
  // As in PIL, the end of the file may be missing once all rows are there, but it may not be wrong.
  if (state.info.output_scanline == state.info.output_height &&
      !returns_normally(state.on_error, [&] { jpeg_finish_decompress(&state.info); })) {
    state.fail();
  }

  const std::uint8_t* in = state.row.data();
  if (state.info.out_color_components == 1) {
    for (int x = 0; x < width(); ++x) rgb[3 * x] = rgb[3 * x + 1] = rgb[3 * x + 2] = in[x];
  } else if (state.info.out_color_components == 4) {
    for (int x = 0; x < width(); ++x) {
      const std::uint8_t* const ink = in + 4 * x;  // inverted, as Adobe's programs write it and PIL assumes
      const Rgb pixel = cmyk_to_rgb(255 - ink[0], 255 - ink[1], 255 - ink[2], 255 - ink[3]);
      std::copy_n(pixel.data(), 3, rgb + 3 * x);
    }
  }
}

Image decode_jpeg(ByteSpan file, const std::string& name, int at_least) {
  JpegReader reader(file, name, at_least);
  Image image = make_image(reader.width(), reader.height());
  for (int y = 0; y < image.height; ++y) reader.read_row(image.row(y));
  return image;
}

}  // namespace gaze
