// Writes what tools/bench times, and prints what it took as JSON. Times are of CLOCK_MONOTONIC.
//
//   writer whole PATH SIZE               a file of SIZE bytes, in calls of 1 MiB: until close
//   returns writer patch PATH OFFSET LENGTH      LENGTH bytes of an existing file: until close
//   returns writer many FOLDER COUNT SIZE        COUNT files, each created, written in one call and
//   closed writer saves PATH SIZE COUNT PERIOD  each PERIOD seconds: PATH.tmp written and renamed
//   to PATH
//
// Bytes are pseudo-random and differ from run to run: nothing can be compressed or found elsewhere.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;
constexpr std::size_t kCall = 1 << 20;

[[noreturn]] void fail(const std::string& what) {
  std::fprintf(stderr, "%s: %s\n", what.c_str(), std::strerror(errno));
  std::exit(1);
}

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

double now() { return std::chrono::duration<double>(Clock::now().time_since_epoch()).count(); }

// A block of which each call writes another part, marked with its place.
class Source {
 public:
  Source() : block_(2 * kCall / sizeof(std::uint64_t)) {
    std::mt19937_64 random(std::random_device{}());
    for (auto& word : block_) word = random();
  }
  const char* next() {
    const std::size_t shift = count_++ % (kCall / sizeof(std::uint64_t));
    block_[shift] ^= count_;
    return reinterpret_cast<const char*>(block_.data() + shift);
  }

 private:
  std::vector<std::uint64_t> block_;
  std::uint64_t count_ = 0;
};

int open_file(const std::string& path, int flags) {
  const int fd = ::open(path.c_str(), flags | O_CLOEXEC, 0644);
  if (fd < 0) fail(path);
  return fd;
}

void write_all(int fd, Source& source, std::uint64_t size, const std::string& path) {
  while (size > 0) {
    const std::size_t length = std::min<std::uint64_t>(kCall, size);
    const char* data = source.next();
    for (std::size_t done = 0; done < length;) {
      const ssize_t count = ::write(fd, data + done, length - done);
      if (count < 0) fail(path);
      done += static_cast<std::size_t>(count);
    }
    size -= length;
  }
}

void close_file(int fd, const std::string& path) {
  if (::close(fd) != 0) fail(path);
}

void whole(const std::string& path, std::uint64_t size) {
  Source source;
  ::sync();
  const auto begin = Clock::now();
  const int fd = open_file(path, O_WRONLY | O_CREAT | O_TRUNC);
  write_all(fd, source, size, path);
  const double written = seconds_since(begin);
  close_file(fd, path);
  std::printf("{\"bytes\": %llu, \"written\": %.6f, \"seconds\": %.6f}\n",
              static_cast<unsigned long long>(size), written, seconds_since(begin));
}

void patch(const std::string& path, std::uint64_t offset, std::uint64_t length) {
  Source source;
  const auto begin = Clock::now();
  const int fd = open_file(path, O_WRONLY);
  if (::lseek(fd, static_cast<off_t>(offset), SEEK_SET) < 0) fail(path);
  write_all(fd, source, length, path);
  close_file(fd, path);
  std::printf("{\"bytes\": %llu, \"seconds\": %.6f}\n", static_cast<unsigned long long>(length),
              seconds_since(begin));
}

void many(const std::string& folder, int count, std::uint64_t size) {
  Source source;
  ::sync();
  const auto begin = Clock::now();
  for (int i = 0; i < count; ++i) {
    const std::string path = folder + "/file" + std::to_string(i);
    const int fd = open_file(path, O_WRONLY | O_CREAT | O_EXCL);
    write_all(fd, source, size, path);
    close_file(fd, path);
  }
  std::printf("{\"files\": %d, \"seconds\": %.6f}\n", count, seconds_since(begin));
}

void saves(const std::string& path, std::uint64_t size, int count, double period) {
  Source source;
  double longest = 0;
  const auto begin = Clock::now();
  for (int i = 0; i < count; ++i) {
    std::this_thread::sleep_until(begin + std::chrono::duration_cast<Clock::duration>(
                                              std::chrono::duration<double>(i * period)));
    const auto start = Clock::now();
    const std::string temporary = path + ".tmp";
    const int fd = open_file(temporary, O_WRONLY | O_CREAT | O_TRUNC);
    write_all(fd, source, size, temporary);
    close_file(fd, temporary);
    if (::rename(temporary.c_str(), path.c_str()) != 0) fail(path);
    longest = std::max(longest, seconds_since(start));
  }
  std::printf("{\"saves\": %d, \"longest\": %.6f, \"ended\": %.6f}\n", count, longest, now());
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  const auto number = [&](std::size_t i) { return std::strtoull(words[i].c_str(), nullptr, 10); };
  if (words.size() == 3 && words[0] == "whole") {
    whole(words[1], number(2));
  } else if (words.size() == 4 && words[0] == "patch") {
    patch(words[1], number(2), number(3));
  } else if (words.size() == 4 && words[0] == "many") {
    many(words[1], static_cast<int>(number(2)), number(3));
  } else if (words.size() == 5 && words[0] == "saves") {
    saves(words[1], number(2), static_cast<int>(number(3)), std::strtod(words[4].c_str(), nullptr));
  } else {
    std::fprintf(stderr, "see the head of writer.cc\n");
    return 2;
  }
  return 0;
}
