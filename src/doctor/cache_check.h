// Is the cache folder in a good place.
//
// A look at it may hang for ever, where it lies in a mount whose server is gone: it is done by a
// child, which is left behind then.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/context.h"
#include "base/result.h"
#include "doctor/finding.h"

namespace driveway::doctor {

// What `look` returns, called in a child process. Errors: as context.check() (the child is killed,
// and not waited for), kInternal where there is no child or it died. Call it before other threads
// are started that may hold locks.
Result<std::string> look_in_child(const Context& context, Clock& clock,
                                  const std::function<std::string()>& look);

struct CacheFacts {
  // Of file systems that have no fixed number of inodes (btrfs).
  static constexpr std::uint64_t kUncounted = UINT64_MAX;
  std::filesystem::path folder;    // without symbolic links
  std::filesystem::path existing;  // it, or the nearest folder above it that is there
  std::string file_system;         // as the kernel names it: "ext4", "fuse.driveway"
  std::string mountpoint;          // of that file system
  Bytes total = 0;
  Bytes available = 0;               // for this user
  std::uint64_t files = kUncounted;  // that can be made yet
  int error = 0;                     // errno of making files in `existing`; 0 = they can be made
  bool is_folder = true;
  bool foreign = false;  // the folder is there, and belongs to another user
};

// Looks at `folder`, of which nothing need be there. `mountinfo`: /proc/self/mountinfo. May hang.
CacheFacts look_at_cache(const std::filesystem::path& folder, std::string_view mountinfo);
// `min_free`: the share of the disk that is to stay free, 0…1 (--min-free-disk). "cache".
Finding judge_cache(const CacheFacts& facts, double min_free);

// All of it. `folder` as --cache-dir has it.
Finding check_cache(const Context& context, Clock& clock, const std::filesystem::path& folder,
                    std::string_view mountinfo, double min_free);

}  // namespace driveway::doctor
