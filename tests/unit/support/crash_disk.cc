#include "unit/support/crash_disk.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <fstream>
#include <iterator>

#include "unit/support/crash_recorder.h"

namespace driveway {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kSector = 512;
std::atomic<CrashDisk::Recorder*> current_recorder{nullptr};

std::string content_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

bool coin(std::mt19937_64& random) { return (random() & 1) != 0; }

}  // namespace

// --- The record

CrashDisk::Recorder* CrashDisk::Recorder::current() { return current_recorder.load(); }
void CrashDisk::Recorder::set_current(Recorder* recorder) { current_recorder.store(recorder); }

CrashDisk::Recorder::Recorder(std::string root) : root_(std::move(root)) {
  struct stat info {};
  if (::stat(root_.c_str(), &info) != 0) std::abort();
  scan(root_, add(root_, true, info));
}

CrashDisk::Recorder::NodeId CrashDisk::Recorder::add(const std::string& path, bool directory,
                                                     const struct stat& info) {
  const NodeId id = nodes_.size();
  nodes_.push_back({directory, path, {}, {}});
  // An inode number that was free again means the new file from now on.
  identities_[{info.st_dev, info.st_ino}] = id;
  return id;
}

void CrashDisk::Recorder::scan(const std::string& folder, NodeId node) {
  for (const auto& entry : fs::directory_iterator(folder)) {
    struct stat info {};
    if (::lstat(entry.path().c_str(), &info) != 0) std::abort();
    const NodeId child = add(entry.path(), S_ISDIR(info.st_mode), info);
    nodes_[node].names[entry.path().filename()] = child;
    if (S_ISDIR(info.st_mode)) {
      scan(entry.path(), child);
    } else {
      nodes_[child].content = content_of(entry.path());
    }
  }
}

std::optional<CrashDisk::Recorder::Identity> CrashDisk::Recorder::identity(
    const std::string& path) {
  struct stat info {};
  if (::lstat(path.c_str(), &info) != 0) return std::nullopt;
  return Identity(info.st_dev, info.st_ino);
}

bool CrashDisk::Recorder::covers(std::string_view path) const {
  return path.size() > root_.size() && path.starts_with(root_) && path[root_.size()] == '/';
}

CrashDisk::Recorder::NodeId CrashDisk::Recorder::node_of(int fd) const {
  struct stat info {};
  if (::fstat(fd, &info) != 0) return kNone;
  const auto found = identities_.find({info.st_dev, info.st_ino});
  return found == identities_.end() ? kNone : found->second;
}

CrashDisk::Recorder::NodeId CrashDisk::Recorder::folder_of(const std::string& path) const {
  struct stat info {};
  if (::stat(fs::path(path).parent_path().c_str(), &info) != 0) return kNone;
  const auto found = identities_.find({info.st_dev, info.st_ino});
  return found == identities_.end() ? kNone : found->second;
}

void CrashDisk::Recorder::created(const std::string& path, bool directory) {
  struct stat info {};
  if (::lstat(path.c_str(), &info) != 0) return;
  Call call;
  call.kind = Call::Kind::kName;
  call.node = folder_of(path);
  call.bytes = fs::path(path).filename();
  call.target = add(path, directory, info);
  calls_.push_back(std::move(call));
}

void CrashDisk::Recorder::renamed(const std::string& from, const std::string& to) {
  struct stat info {};
  if (::lstat(to.c_str(), &info) != 0) return;
  Call call;
  call.kind = Call::Kind::kRename;
  call.node = folder_of(from);
  call.bytes = fs::path(from).filename();
  call.other_node = folder_of(to);
  call.other = fs::path(to).filename();
  const auto found = identities_.find({info.st_dev, info.st_ino});
  call.target = found == identities_.end() ? kNone : found->second;
  if (call.target != kNone) nodes_[call.target].path = to;
  calls_.push_back(std::move(call));
}

void CrashDisk::Recorder::removed(const std::string& path) {
  Call call;
  call.kind = Call::Kind::kName;
  call.node = folder_of(path);
  call.bytes = fs::path(path).filename();
  calls_.push_back(std::move(call));
}

void CrashDisk::Recorder::written(int fd, std::uint64_t offset, std::string_view bytes) {
  Call call;
  call.node = node_of(fd);
  if (call.node == kNone) return;
  const int flags = ::fcntl(fd, F_GETFL);
  call.durable = (flags & O_DSYNC) != 0 && !sync_is_ignored(call.node);
  call.offset = offset;
  call.bytes = bytes;
  calls_.push_back(std::move(call));
}

void CrashDisk::Recorder::resized(int fd, std::uint64_t size, bool only_up) {
  Call call;
  call.kind = Call::Kind::kResize;
  call.node = node_of(fd);
  if (call.node == kNone) return;
  call.offset = size;
  call.only_up = only_up;
  calls_.push_back(std::move(call));
}

std::size_t CrashDisk::Recorder::sync_begins(int fd) const {
  return node_of(fd) == kNone ? kNone : calls_.size();
}

void CrashDisk::Recorder::sync_ends(int fd, std::size_t began) {
  Call call;
  call.kind = Call::Kind::kSync;
  call.node = node_of(fd);
  if (call.node == kNone || sync_is_ignored(call.node)) return;
  call.offset = began;
  calls_.push_back(std::move(call));
}

bool CrashDisk::Recorder::sync_is_ignored(NodeId node) const {
  return ignored_ && ignored_(nodes_[node].path);
}

void CrashDisk::Recorder::ignore_syncs(Predicate ignored) {
  const std::lock_guard lock(mutex_);
  ignored_ = std::move(ignored);
}

void CrashDisk::Recorder::mark(std::uint64_t value) {
  const std::lock_guard lock(mutex_);
  marks_[calls_.size()] = value;
}

std::size_t CrashDisk::Recorder::calls() const {
  const std::lock_guard lock(mutex_);
  return calls_.size();
}

std::optional<std::uint64_t> CrashDisk::Recorder::marked(std::size_t calls) const {
  const std::lock_guard lock(mutex_);
  const auto later = marks_.upper_bound(calls);
  if (later == marks_.begin()) return std::nullopt;
  return std::prev(later)->second;
}

// --- The images

std::vector<std::size_t> CrashDisk::Recorder::durable_until(std::size_t calls) const {
  std::vector<std::size_t> until(nodes_.size(), 0);
  for (std::size_t i = 0; i < calls; ++i) {
    const Call& call = calls_[i];
    if (call.kind != Call::Kind::kSync) continue;
    until[call.node] = std::max<std::size_t>(until[call.node], call.offset);
  }
  return until;
}

void CrashDisk::Recorder::apply(const Call& call, std::vector<Node>& nodes, bool whole,
                                std::mt19937_64& random) {
  switch (call.kind) {
    case Call::Kind::kWrite: {
      std::string& content = nodes[call.node].content;
      for (std::uint64_t at = 0; at < call.bytes.size();) {
        const std::uint64_t offset = call.offset + at;
        const std::uint64_t length =
            std::min<std::uint64_t>(call.bytes.size() - at, kSector - offset % kSector);
        if (whole || coin(random)) {
          if (content.size() < offset + length) content.resize(offset + length);
          content.replace(offset, length, call.bytes, at, length);
        }
        at += length;
      }
      break;
    }
    case Call::Kind::kResize: {
      std::string& content = nodes[call.node].content;
      if (!call.only_up || content.size() < call.offset) content.resize(call.offset);
      break;
    }
    case Call::Kind::kName:
      if (call.target == kNone) {
        nodes[call.node].names.erase(call.bytes);
      } else {
        nodes[call.node].names[call.bytes] = call.target;
      }
      break;
    case Call::Kind::kRename:
      nodes[call.node].names.erase(call.bytes);
      nodes[call.other_node].names[call.other] = call.target;
      break;
    case Call::Kind::kSync:
      break;
  }
}

void CrashDisk::Recorder::build(const std::vector<Node>& nodes, NodeId node,
                                const fs::path& target) {
  fs::create_directory(target);
  for (const auto& [name, child] : nodes[node].names) {
    if (nodes[child].directory) {
      build(nodes, child, target / name);
    } else {
      std::ofstream(target / name, std::ios::binary) << nodes[child].content;
    }
  }
}

void CrashDisk::Recorder::image(std::size_t calls, Loss loss, std::mt19937_64& random,
                                const fs::path& target) const {
  std::unique_lock lock(mutex_);
  const std::vector<std::size_t> until = durable_until(calls);
  std::vector<Node> nodes = nodes_;
  for (std::size_t i = 0; i < calls; ++i) {
    const Call& call = calls_[i];
    if (call.node == kNone) continue;
    const bool durable = call.durable || i < until[call.node] ||
                         (call.other_node != kNone && i < until[call.other_node]);
    const bool sectors = loss == Loss::kSectors && call.kind == Call::Kind::kWrite;
    if (durable || loss == Loss::kNothing || sectors || (loss != Loss::kUnsynced && coin(random))) {
      apply(call, nodes, durable || !sectors, random);
    }
  }
  lock.unlock();  // building the image makes file calls too
  build(nodes, 0, target);
}

// --- The front

CrashDisk::CrashDisk(const fs::path& root) : recorder_(std::make_unique<Recorder>(root.native())) {
  Recorder::set_current(recorder_.get());
}

CrashDisk::~CrashDisk() { Recorder::set_current(nullptr); }

void CrashDisk::ignore_syncs(Predicate ignored) { recorder_->ignore_syncs(std::move(ignored)); }
void CrashDisk::mark(std::uint64_t value) { recorder_->mark(value); }
std::size_t CrashDisk::calls() const { return recorder_->calls(); }
std::optional<std::uint64_t> CrashDisk::marked(std::size_t calls) const {
  return recorder_->marked(calls);
}
void CrashDisk::image(std::size_t calls, Loss loss, std::mt19937_64& random,
                      const fs::path& target) const {
  recorder_->image(calls, loss, random, target);
}

}  // namespace driveway
