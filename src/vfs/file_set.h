// The files that lie at and below some nodes, as contents: what prefetching, pinning and evicting
// work on.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/context.h"
#include "base/ids.h"
#include "base/result.h"
#include "vfs/vfs.h"

namespace driveway::vfs {

struct FileOfSet {
  InodeId inode;
  ContentId content;
  Bytes size = 0;
  std::string path;  // as its finder calls it
};

struct FailureOfSet {
  std::string path;
  Error error;
};

struct FileSet {
  std::vector<FileOfSet> files;  // one for each content, in the order of the walk
  std::uint64_t folders = 0;
  std::uint64_t skipped = 0;           // Docs, symlinks, what has no bytes in Drive
  std::vector<FailureOfSet> failures;  // what could not be looked at
};

// Collects a FileSet. Symlinks are not followed; `.Trash` is not entered from above. Not
// thread-safe.
class FileSetWalk {
 public:
  // Each step that may wait for Drive ends after `step_deadline` (R5). `looked` is called now and
  // then with what was found so far; an error of it ends the walk.
  FileSetWalk(Vfs& vfs, Clock& clock, Duration step_deadline,
              std::function<Status(const FileSet&)> looked);

  // Adds `node`, shown to the user as `path`, and all below it. A folder that cannot be listed is a
  // failure of the set. Errors: kCancelled, kDeadlineExceeded (of the context), those of `looked`.
  Status add(const Context& context, const tree::Node& node, const std::string& path);
  void add_failure(std::string path, Error error);
  FileSet take() { return std::move(set_); }

 private:
  struct Folder {
    InodeId inode;
    std::string path;
  };

  Status add_folder(const Context& context, const Folder& folder, std::vector<Folder>& found);
  void add_node(const tree::Node& node, const std::string& path, std::vector<Folder>& found);
  Result<std::optional<tree::Node>> look_up(const Context& context, InodeId folder,
                                            const std::string& name);
  Context step(const Context& context) const;

  Vfs& vfs_;
  Clock& clock_;
  const Duration step_deadline_;
  const std::function<Status(const FileSet&)> looked_;
  FileSet set_;
  std::unordered_set<std::string> contents_;
  std::unordered_set<std::string> folders_;  // by id: one may be reached by several shortcuts
};

}  // namespace driveway::vfs
