// The record behind a CrashDisk, for the calls that feed it (crash_calls.cc).
#pragma once

#include <sys/stat.h>
#include <sys/uio.h>

#include <cstdint>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "unit/support/crash_disk.h"

namespace driveway {

class CrashDisk::Recorder {
 public:
  explicit Recorder(std::string root);

  // The one that records, if any. Calls that change files hold mutex() from before they are carried
  // out until they are taken down, so that the record is in the true order.
  static Recorder* current();
  static void set_current(Recorder* recorder);
  std::mutex& mutex() { return mutex_; }

  using Identity = std::pair<dev_t, ino_t>;

  // All with mutex() held.
  static std::optional<Identity> identity(const std::string& path);
  void forget(const Identity& identity) { identities_.erase(identity); }
  bool covers(std::string_view path) const;
  void created(const std::string& path, bool directory);  // it is there now
  void renamed(const std::string& from, const std::string& to);
  void removed(const std::string& path);
  void written(int fd, std::uint64_t offset, std::string_view bytes);
  void resized(int fd, std::uint64_t size, bool only_up);
  // A sync takes effect when it is over, for what had been taken down when it began.
  std::size_t sync_begins(int fd) const;
  void sync_ends(int fd, std::size_t began);

  // What CrashDisk has.
  void ignore_syncs(Predicate ignored);
  void mark(std::uint64_t value);
  std::size_t calls() const;
  std::optional<std::uint64_t> marked(std::size_t calls) const;
  void image(std::size_t calls, Loss loss, std::mt19937_64& random,
             const std::filesystem::path& target) const;

 private:
  using NodeId = std::size_t;
  static constexpr NodeId kNone = ~NodeId{0};

  struct Node {  // a file or a folder, with what counted as on disk at the start
    bool directory = false;
    std::string path;
    std::string content;
    std::map<std::string, NodeId> names;
  };
  struct Call {
    enum class Kind { kWrite, kResize, kName, kRename, kSync } kind = Kind::kWrite;
    NodeId node = kNone;  // the file; of names, the folder
    bool durable = false;
    std::uint64_t offset = 0;  // or the size; of a sync, up to which call
    bool only_up = false;
    std::string bytes;          // or the name
    std::string other;          // of a rename: the new name
    NodeId other_node = kNone;  // of a rename: the new folder
    NodeId target = kNone;      // what the name means now; kNone: nothing
  };

  NodeId add(const std::string& path, bool directory, const struct stat& info);
  void scan(const std::string& folder, NodeId node);
  NodeId node_of(int fd) const;
  NodeId folder_of(const std::string& path) const;
  bool sync_is_ignored(NodeId node) const;
  // Whether call `index` is there after the crash for sure, and else whether chance has it.
  std::vector<std::size_t> durable_until(std::size_t calls) const;
  static void apply(const Call& call, std::vector<Node>& nodes, bool whole,
                    std::mt19937_64& random);
  static void build(const std::vector<Node>& nodes, NodeId node,
                    const std::filesystem::path& target);

  const std::string root_;
  mutable std::mutex mutex_;
  std::vector<Node> nodes_;  // 0 is the root
  std::map<Identity, NodeId> identities_;
  std::vector<Call> calls_;
  std::map<std::size_t, std::uint64_t> marks_;  // by the number of calls before
  Predicate ignored_;
};

}  // namespace driveway
