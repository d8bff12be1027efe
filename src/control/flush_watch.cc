#include "control/flush_watch.h"

#include <algorithm>
#include <unordered_map>
#include <utility>

#include <nlohmann/json.hpp>

#include "control/writes_document.h"

namespace driveway::control {
namespace {

bool is_at_or_below(const std::string& path, const std::string& folder) {
  return folder.empty() || path == folder ||
         (path.starts_with(folder) && path[folder.size()] == '/');
}

std::vector<journal::Change> dirty_rows(vfs::Vfs& vfs, const std::optional<std::string>& path) {
  auto rows = vfs.journal()->look([](const journal::ChangeSet& set) {
    std::vector<journal::Change> dirty;
    for (const InodeId inode : set.dirty()) dirty.push_back(*set.find(inode));
    return dirty;
  });
  if (path) {
    std::erase_if(rows, [&](const journal::Change& row) {
      return !is_at_or_below(path_of(vfs, row), *path);
    });
  }
  return rows;
}

}  // namespace

FlushWatch::FlushWatch(vfs::Vfs& vfs, const std::optional<std::string>& path) : vfs_(vfs) {
  for (const journal::Change& row : dirty_rows(vfs_, path)) {
    Goal goal{.inode = row.inode, .order = row.order};
    if (row.wanted.content && !row.wanted.deleted) {
      goal.generation = row.wanted.content->generation;
      goal.size = row.wanted.content->bytes.size;
    }
    bytes_ += goal.size;
    goals_.push_back(goal);
  }
}

FlushWatch::Inodes FlushWatch::inodes_of(vfs::Vfs& vfs, const std::optional<std::string>& path) {
  Inodes inodes;
  for (const journal::Change& row : dirty_rows(vfs, path)) inodes.push_back(row.inode);
  return inodes;
}

FlushWatch::Amounts FlushWatch::done() const {
  std::unordered_map<InodeId, Bytes> sent;
  if (vfs_.sender() != nullptr) {
    for (const journal::Sending& one : vfs_.sender()->sending()) sent[one.inode] = one.sent;
  }
  return vfs_.journal()->look([&](const journal::ChangeSet& set) {
    Amounts amounts;
    for (const Goal& goal : goals_) {
      const journal::Change* const row = set.find(goal.inode);
      const bool reached =
          row == nullptr || !set.is_dirty(*row) ||
          (row->confirmed_order >= goal.order && row->confirmed_generation >= goal.generation);
      if (reached) {
        ++amounts.files;
        amounts.bytes += goal.size;
      } else if (const auto moving = sent.find(goal.inode); moving != sent.end()) {
        amounts.bytes += std::min(goal.size, moving->second);
      }
    }
    return amounts;
  });
}

nlohmann::json FlushWatch::progress() const {
  const Amounts now = done();
  return {{"files", goals_.size()},
          {"files_done", now.files},
          {"bytes", bytes_},
          {"bytes_done", now.bytes}};
}

std::uint64_t FlushWatch::files_left() const { return goals_.size() - done().files; }

}  // namespace driveway::control
