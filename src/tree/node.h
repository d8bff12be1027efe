// What the mount shows of an item.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/ids.h"
#include "drive/item.h"

namespace driveway::tree {

enum class NodeKind : std::uint8_t { kDirectory, kFile, kSymlink };

// Where a file's bytes come from.
enum class ContentKind : std::uint8_t {
  kNone,    // directories
  kBlob,    // Drive's bytes of `item`
  kLink,    // a small text made here (`link_text`): a Doc as link file, a shortcut that points
            // nowhere
  kExport,  // made by Drive at open; size unknown, opened with direct_io (E4)
};

struct Node {
  InodeId inode;
  InodeId parent;  // 0: it is shown nowhere, as far as is known
  // It has lost its name for good: it was removed, or another inode has its item by now (R1a, J6).
  // Who has it open goes on with what it was; what is changed of it is no change of the item.
  bool unnamed = false;
  NodeKind kind = NodeKind::kFile;
  ContentKind content = ContentKind::kNone;
  Bytes size = 0;  // exact, but for kExport (0)
  WallTime modified{};
  WallTime created{};
  mode_t mode = 0;  // with the file type bits
  uid_t uid = 0;
  gid_t gid = 0;
  std::string link_text;    // kLink
  std::string export_mime;  // kExport
  // The item behind it; for a shortcut, its target. Absent for the fixed folders (".shared",
  // "Shareddrives").
  std::optional<drive::Item> item;
  std::optional<drive::Item> shortcut;  // the shortcut itself, where it was reached through one
};

struct DirEntry {
  std::string name;
  InodeId inode;
  NodeKind kind = NodeKind::kFile;
};

}  // namespace driveway::tree
