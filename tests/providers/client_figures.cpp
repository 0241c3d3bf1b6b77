// client_figures: the numbers promised for the network side, against a server in this process that costs nothing.
// Prints one JSON document. Usage: client_figures FOLDER GAZE: a folder for a 2 MB picture and a sparse file of 2 GB,
// and the program.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/check.h"
#include "base/file.h"
#include "media/encode.h"
#include "providers/openai.h"
#include "providers/remote_many.h"

namespace gaze {
namespace {

using Clock = std::chrono::steady_clock;

double milliseconds_since(Clock::time_point begin) {
  return std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
}

// Reads one request a time on each connection and answers it after `latency`.
class LoopbackServer {
 public:
  explicit LoopbackServer(std::chrono::milliseconds latency)
      : latency_(latency), socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    GAZE_CHECK(::bind(socket_, reinterpret_cast<sockaddr*>(&address), size) == 0 && ::listen(socket_, 64) == 0);
    GAZE_CHECK(::getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size) == 0);
    port_ = ntohs(address.sin_port);
    acceptor_ = std::thread([this] {
      for (int client; (client = ::accept(socket_, nullptr, nullptr)) >= 0;) {
        std::thread([this, client] { serve(client); }).detach();
      }
    });
  }
  ~LoopbackServer() {
    ::shutdown(socket_, SHUT_RDWR);
    acceptor_.join();
    ::close(socket_);
  }
  std::string url() const { return fmt::format("http://127.0.0.1:{}/v1", port_); }
  Clock::time_point first_byte() const { return Clock::time_point(Clock::duration(first_byte_.load())); }
  void forget_first_byte() { first_byte_ = 0; }
  std::int64_t received() const { return received_; }

 private:
  void serve(int client) {
    std::string buffer(1 << 20, '\0');
    std::string head;
    std::int64_t left = -1;
    for (ssize_t got; (got = ::recv(client, buffer.data(), buffer.size(), 0)) > 0;) {
      received_ += got;
      std::int64_t none = 0;
      first_byte_.compare_exchange_strong(none, Clock::now().time_since_epoch().count());
      std::size_t body = 0;
      if (left < 0) {
        head.append(buffer.data(), static_cast<std::size_t>(got));
        const std::size_t end = head.find("\r\n\r\n");
        if (end == std::string::npos) continue;
        left = std::atoll(head.c_str() + head.find("Content-Length: ") + 16);
        body = head.size() - end - 4;
        head.clear();
      } else {
        body = static_cast<std::size_t>(got);
      }
      left -= static_cast<std::int64_t>(body);
      if (left > 0) continue;
      left = -1;
      std::this_thread::sleep_for(latency_);
      const std::string json = R"({"text":"ok","choices":[{"message":{"content":"a cat"},"finish_reason":"stop"}]})";
      const std::string answer = fmt::format(
          "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{}", json.size(), json);
      ::send(client, answer.data(), answer.size(), MSG_NOSIGNAL);
    }
    ::close(client);
  }

  const std::chrono::milliseconds latency_;
  const int socket_;
  int port_ = 0;
  std::thread acceptor_;
  std::atomic<std::int64_t> first_byte_{0}, received_{0};
};

ChatRequest question(const std::filesystem::path& path) {
  ChatRequest request;
  request.messages.push_back({Role::user, {TextPart{"?"}, PicturePart{prepare_picture(path, PictureRules())}}});
  return request;
}

ChatRequest recording(const std::filesystem::path& path) {
  ChatRequest request;
  request.messages.push_back({Role::user, {FilePart{path, "audio/wav"}}});
  return request;
}

OpenAiModel model_at(const LoopbackServer& server, const std::string& name = "m") {
  return OpenAiModel({Service::compatible, name, server.url(), name}, Secret("key"), RemoteOptions());
}

// A real photograph's worth of bytes: noise, which JPEG cannot make small, within the size that is sent unchanged.
void write_picture(const std::filesystem::path& path) {
  Image image{1900, 1070, std::vector<std::uint8_t>(std::size_t{1900} * 1070 * 3)};
  std::uint32_t state = 1;
  for (auto& value : image.rgb) value = static_cast<std::uint8_t>((state = state * 1664525u + 1013904223u) >> 24);
  write_file_atomically(path, encode_jpeg(image, 60));
}

// Of this thread: what a first byte costs, whoever else is on the machine.
double cpu_milliseconds() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_nsec) / 1e6;
}

// Runs the program with its output thrown away. Errors end this one.
void run_program(std::vector<std::string> line) {
  std::vector<char*> arguments;
  for (std::string& word : line) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  pid_t process = 0;
  GAZE_CHECK(::posix_spawn(&process, line[0].c_str(), &actions, nullptr, arguments.data(), environ) == 0);
  posix_spawn_file_actions_destroy(&actions);
  int status = 0;
  ::waitpid(process, &status, 0);
  GAZE_CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

std::int64_t peak_memory() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss * 1024;
}

}  // namespace
}  // namespace gaze

int main(int count, char** arguments) {
  if (count != 3) return 2;
  using namespace gaze;
  const std::filesystem::path folder = arguments[1], picture = folder / "noise.jpg";
  const std::string program = arguments[2];
  ::setenv("GAZE_HOME", (folder / "figures-home").c_str(), 1);
  write_picture(picture);
  OrderedJson figures;
  {
    const LoopbackServer server{std::chrono::milliseconds(0)};
    const auto begin = Clock::now();  // of the work, in a process that has done nothing yet
    const double cpu = cpu_milliseconds();
    model_at(server).chat(question(picture), CancelToken(), {});
    figures["whole_call_cpu_ms"] = cpu_milliseconds() - cpu;
    figures["first_byte_ms"] = std::chrono::duration<double, std::milli>(server.first_byte() - begin).count();
    figures["answer_ms"] = milliseconds_since(begin);
    figures["picture_bytes"] = std::filesystem::file_size(picture);
  }
  {  // the whole program, from its start
    LoopbackServer server{std::chrono::milliseconds(0)};
    std::vector<double> first_byte, start_alone;
    for (int i = 0; i < 21; ++i) {
      auto begin = Clock::now();
      run_program({program, "--version"});
      start_alone.push_back(milliseconds_since(begin));
      server.forget_first_byte();
      begin = Clock::now();
      run_program({program, "ask", picture.string(), "?", "--model", server.url() + "#m", "--no-cache"});
      first_byte.push_back(std::chrono::duration<double, std::milli>(server.first_byte() - begin).count());
    }
    figures["program_first_byte_ms"] = median(first_byte);
    figures["program_start_and_end_alone_ms"] = median(start_alone);
  }
  {
    const LoopbackServer server{std::chrono::milliseconds(200)};
    std::vector<std::string> line{program, "caption", "--model", server.url() + "#m", "--json"};
    const auto many = folder / "hundred-pictures";
    std::filesystem::create_directories(many);
    for (int i = 0; i < 100; ++i) {  // a hundred contents: an answer that is kept would not be asked for
      const auto name = many / (std::to_string(i) + ".jpg");
      write_file_atomically(
          name,
          encode_jpeg({1024, 768, std::vector<std::uint8_t>(std::size_t{1024} * 768 * 3, static_cast<std::uint8_t>(i))},
                      90));
      line.push_back(name.string());
    }
    ::setenv("XDG_CACHE_HOME", (folder / "figures-home").c_str(), 1);
    const auto begin = Clock::now();
    run_program(line);
    figures["program_hundred_captions_ms"] = milliseconds_since(begin);
    std::filesystem::remove_all(many);
  }
  {
    const LoopbackServer server{std::chrono::milliseconds(200)};
    const OpenAiModel model = model_at(server);
    const auto begin = Clock::now();
    run_at_once(100, 8, CancelToken(), [&](std::size_t) { model.chat(question(picture), CancelToken(), {}); });
    figures["hundred_pictures_ms"] = milliseconds_since(begin);
    figures["hundred_pictures_limit_ms"] = 100.0 * 200 / 8 * 1.2;
  }
  {
    const auto video = folder / "two-gigabytes.wav";
    std::ofstream(video).put('x');
    std::filesystem::resize_file(video, std::uintmax_t{2} << 30);
    const LoopbackServer server{std::chrono::milliseconds(0)};
    const std::int64_t before = peak_memory();
    const auto begin = Clock::now();
    model_at(server, "whisper-1").chat(recording(video), CancelToken(), {});
    figures["upload_bytes"] = server.received();
    figures["upload_ms"] = milliseconds_since(begin);
    figures["upload_memory_growth_bytes"] = peak_memory() - before;
    std::filesystem::remove(video);
  }
  std::filesystem::remove(picture);
  std::filesystem::remove_all(folder / "figures-home");
  std::printf("%s\n", dump_json(figures, 2).c_str());
  return 0;
}
