// What reads in tools/bench: a process of its own, so that it neither slows down what measures it
// nor what is measured, and costs little.
//
//   reader sequential FILE...            each file by a thread, 1 MiB a read()
//   reader head BYTES FILE               open, one pread() at 0, close
//   reader files THREADS SECONDS ORDER SEED FOLDER
//                                        lists the folder, then open, read, close of each file
//                                        once; ORDER is "listing" or "random"
//   reader again THREADS SECONDS FOLDER  the same over and over, the listing not timed
//   reader mmap SECONDS SEED FILE        4 KiB at random pages of a mapping
//   reader drop FILE...                  drops clean pages from the kernel's cache
//   reader cached FILE...                how much the kernel's cache holds of them
//   reader repage FILE                   has the kernel cache it anew, each page for itself, as it
//                                        caches files of a FUSE mount; file systems of a disk may
//                                        get larger folios, which are read faster
//
// Prints one line of JSON; "seconds" is the time of the reading alone. `files`, `again` and `mmap`
// begin nothing after SECONDS. Any error ends it with status 1 and a message.
#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <barrier>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>
#include <thread>
#include <vector>

namespace {

using SteadyClock = std::chrono::steady_clock;
using Strings = std::vector<std::string>;

constexpr std::size_t kBuffer = 1 << 20;
constexpr std::size_t kPage = 4096;

[[noreturn]] void fail(const std::string& what) {
  std::fprintf(stderr, "%s: %s\n", what.c_str(), std::strerror(errno));
  std::_Exit(1);
}

double seconds_since(SteadyClock::time_point begin) {
  return std::chrono::duration<double>(SteadyClock::now() - begin).count();
}

class File {
 public:
  explicit File(const std::string& path) : path_(path), fd_(::open(path.c_str(), O_RDONLY)) {
    if (fd_ < 0) fail(path);
  }
  ~File() { ::close(fd_); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  int fd() const { return fd_; }
  std::size_t size() const {
    struct stat info {};
    if (::fstat(fd_, &info) != 0) fail(path_);
    return static_cast<std::size_t>(info.st_size);
  }
  // Reads on to the end; the bytes that came.
  std::uint64_t read_all(std::vector<char>& buffer) const {
    std::uint64_t bytes = 0;
    while (const std::size_t count = checked(::read(fd_, buffer.data(), buffer.size()))) {
      bytes += count;
    }
    return bytes;
  }
  std::size_t read_head(std::vector<char>& buffer) const {
    return checked(::pread(fd_, buffer.data(), buffer.size(), 0));
  }

 private:
  std::size_t checked(ssize_t count) const {
    if (count < 0) fail(path_);
    return static_cast<std::size_t>(count);
  }

  const std::string path_;
  const int fd_;
};

// A mapping of a whole file, to read.
class Mapping {
 public:
  explicit Mapping(const std::string& path) : file_(path), size_(file_.size()) {
    if (size_ == 0) return;
    start_ = ::mmap(nullptr, size_, PROT_READ, MAP_SHARED, file_.fd(), 0);
    if (start_ == MAP_FAILED) fail(path);
  }
  ~Mapping() {
    if (size_ != 0) ::munmap(start_, size_);
  }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;

  std::size_t pages() const { return (size_ + kPage - 1) / kPage; }
  const char* page(std::size_t index) const {
    return static_cast<const char*>(start_) + index * kPage;
  }
  // In the kernel's cache, whether this process has touched them or not.
  std::size_t cached_pages() const {
    std::vector<unsigned char> state(pages());
    if (size_ != 0 && ::mincore(start_, size_, state.data()) != 0) fail("mincore");
    return static_cast<std::size_t>(
        std::count_if(state.begin(), state.end(), [](unsigned char c) { return (c & 1) != 0; }));
  }

 private:
  File file_;
  std::size_t size_;
  void* start_ = nullptr;
};

// Runs work(index) in a thread each, all starting at once; the seconds until the last has ended.
template <typename Work>
double in_parallel(std::size_t threads, Work work) {
  std::barrier start(static_cast<std::ptrdiff_t>(threads) + 1);
  std::vector<std::thread> running;
  for (std::size_t i = 0; i < threads; ++i) {
    running.emplace_back([&start, &work, i] {
      start.arrive_and_wait();
      work(i);
    });
  }
  const auto begin = SteadyClock::now();
  start.arrive_and_wait();
  for (std::thread& thread : running) thread.join();
  return seconds_since(begin);
}

// Paths of a folder's files, in the order in which readdir() gives them.
Strings list(const std::string& folder) {
  DIR* directory = ::opendir(folder.c_str());
  if (directory == nullptr) fail(folder);
  Strings paths;
  errno = 0;
  while (const dirent* entry = ::readdir(directory)) {
    if (entry->d_name[0] != '.') paths.push_back(folder + "/" + entry->d_name);
  }
  if (errno != 0) fail(folder);
  ::closedir(directory);
  return paths;
}

void sequential(const Strings& paths) {
  std::atomic<std::uint64_t> bytes{0};
  const double seconds = in_parallel(paths.size(), [&](std::size_t i) {
    std::vector<char> buffer(kBuffer);
    bytes += File(paths[i]).read_all(buffer);
  });
  std::printf("{\"seconds\": %.9f, \"bytes\": %lu}\n", seconds, bytes.load());
}

void print_hex(const std::vector<char>& bytes, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) std::printf("%02x", static_cast<unsigned char>(bytes[i]));
}

void head(std::size_t size, const std::string& path) {
  std::vector<char> buffer(size);
  const auto begin = SteadyClock::now();
  const File file(path);
  const std::size_t count = file.read_head(buffer);
  std::printf("{\"seconds\": %.9f, \"bytes\": %zu, \"hex\": \"", seconds_since(begin), count);
  print_hex(buffer, count);
  std::printf("\"}\n");
}

struct Counts {
  double seconds = 0;
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;
};

// Each thread takes the next path, until all have been read (`rounds` times) or the time is up. So
// what was read is the first `files` of the paths.
Counts read_files(const Strings& paths, std::size_t threads, double limit, std::size_t rounds) {
  std::atomic<std::size_t> next{0};
  std::atomic<std::uint64_t> files{0};
  std::atomic<std::uint64_t> bytes{0};
  Counts counts;
  const auto begin = SteadyClock::now();
  counts.seconds = in_parallel(threads, [&](std::size_t) {
    std::vector<char> buffer(kBuffer);
    std::uint64_t my_files = 0;
    std::uint64_t my_bytes = 0;
    while (seconds_since(begin) < limit) {
      const std::size_t index = next++;
      if (index >= paths.size() * rounds) break;
      my_bytes += File(paths[index % paths.size()]).read_all(buffer);
      ++my_files;
    }
    files += my_files;
    bytes += my_bytes;
  });
  counts.files = files;
  counts.bytes = bytes;
  return counts;
}

void print(const Counts& counts, std::size_t of) {
  std::printf("{\"seconds\": %.9f, \"files\": %lu, \"bytes\": %lu, \"of\": %zu", counts.seconds,
              counts.files, counts.bytes, of);
}

void files(std::size_t threads, double limit, bool random, std::uint64_t seed,
           const std::string& folder) {
  const auto begin = SteadyClock::now();
  Strings paths = list(folder);
  if (random) std::shuffle(paths.begin(), paths.end(), std::mt19937_64(seed));
  const double listed = seconds_since(begin);
  Counts counts = read_files(paths, threads, limit, 1);
  counts.seconds = seconds_since(begin);  // the listing is part of it
  print(counts, paths.size());
  std::printf(", \"listed\": %.9f, \"read\": [", listed);
  for (std::size_t i = 0; i < counts.files; ++i) {
    const std::string name = paths[i].substr(folder.size() + 1);
    std::printf("%s\"%s\"", i == 0 ? "" : ", ", name.c_str());
  }
  std::printf("]}\n");
}

void again(std::size_t threads, double limit, const std::string& folder) {
  const Strings paths = list(folder);
  constexpr std::size_t kEndless = std::size_t{1} << 32;
  print(read_files(paths, threads, limit, kEndless), paths.size());
  std::printf("}\n");
}

// A page of a mapping as it was read.
struct ReadPage {
  std::size_t index = 0;
  std::vector<char> bytes;
};

struct MappedReads {
  double seconds = 0;
  std::uint64_t reads = 0;
  std::vector<std::uint64_t> each_second;  // how many of them ended in each second
  std::vector<ReadPage> first;             // for whoever wants to compare them
};

MappedReads read_mapped(const Mapping& mapping, double limit, std::uint64_t seed,
                        SteadyClock::time_point begin) {
  constexpr std::size_t kCompared = 32;
  std::mt19937_64 random(seed);
  std::uniform_int_distribution<std::size_t> page(0, mapping.pages() - 1);
  std::vector<char> buffer(kPage);
  MappedReads result;
  while (result.seconds < limit) {
    const std::size_t index = page(random);
    std::memcpy(buffer.data(), mapping.page(index), kPage);
    ++result.reads;
    if (result.first.size() < kCompared) result.first.push_back({index, buffer});
    result.seconds = seconds_since(begin);
    const auto second = static_cast<std::size_t>(result.seconds);
    if (second >= result.each_second.size()) result.each_second.resize(second + 1);
    ++result.each_second[second];
  }
  return result;
}

void mapped(double limit, std::uint64_t seed, const std::string& path) {
  const auto begin = SteadyClock::now();
  const Mapping mapping(path);
  const MappedReads result = read_mapped(mapping, limit, seed, begin);
  std::printf("{\"seconds\": %.9f, \"reads\": %lu, \"each_second\": [", result.seconds,
              result.reads);
  for (std::size_t i = 0; i < result.each_second.size(); ++i) {
    std::printf("%s%lu", i == 0 ? "" : ", ", result.each_second[i]);
  }
  std::printf("], \"pages\": {");
  for (std::size_t i = 0; i < result.first.size(); ++i) {
    std::printf("%s\"%zu\": \"", i == 0 ? "" : ", ", result.first[i].index);
    print_hex(result.first[i].bytes, kPage);
    std::printf("\"");
  }
  std::printf("}}\n");
}

void cached(const Strings& paths) {
  std::size_t pages = 0;
  std::size_t all = 0;
  for (const std::string& path : paths) {
    const Mapping mapping(path);
    pages += mapping.cached_pages();
    all += mapping.pages();
  }
  std::printf("{\"cached\": %zu, \"bytes\": %zu}\n", pages * kPage, all * kPage);
}

void advise(const File& file, int advice) {
  errno = ::posix_fadvise(file.fd(), 0, 0, advice);
  if (errno != 0) fail("posix_fadvise");
}

void drop(const Strings& paths) {
  for (const std::string& path : paths) advise(File(path), POSIX_FADV_DONTNEED);
  cached(paths);
}

void repage(const std::string& path) {
  const File file(path);
  if (::fsync(file.fd()) != 0) fail(path);  // pages not written yet would stay
  advise(file, POSIX_FADV_DONTNEED);
  advise(file, POSIX_FADV_RANDOM);
  std::vector<char> page(kPage);
  file.read_all(page);
  cached({path});
}

bool run(const Strings& arguments) {
  const std::string mode = arguments.empty() ? "" : arguments[0];
  const std::size_t count = arguments.size();
  const auto number = [&](std::size_t i) { return std::stoull(arguments[i]); };
  const auto limit = [&](std::size_t i) { return std::stod(arguments[i]); };
  const auto rest = [&] { return Strings(arguments.begin() + 1, arguments.end()); };
  if (mode == "sequential" && count > 1) {
    sequential(rest());
  } else if (mode == "head" && count == 3) {
    head(number(1), arguments[2]);
  } else if (mode == "files" && count == 6) {
    files(number(1), limit(2), arguments[3] == "random", number(4), arguments[5]);
  } else if (mode == "again" && count == 4) {
    again(number(1), limit(2), arguments[3]);
  } else if (mode == "mmap" && count == 4) {
    mapped(limit(1), number(2), arguments[3]);
  } else if (mode == "drop" && count > 1) {
    drop(rest());
  } else if (mode == "repage" && count == 2) {
    repage(arguments[1]);
  } else if (mode == "cached" && count > 1) {
    cached(rest());
  } else {
    return false;
  }
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  if (run(Strings(argv + 1, argv + argc))) return 0;
  std::fprintf(stderr, "reader: see the head of its source for what it takes\n");
  return 2;
}
