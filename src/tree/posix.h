// POSIX attributes of an item (E3). Pure functions.
//
// Ours stand in public properties: "driveway.mode" (octal), "driveway.uid", "driveway.gid"
// (decimal), "driveway.symlink" = "1" (the file's content is the target). Read too, from the
// appProperties of google-drive-ocamlfuse: "mode", "uid", "gid" (decimal), "l" (the target of a
// symlink).
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "drive/item.h"
#include "tree/node.h"
#include "tree/rows.h"
#include "tree/tree.h"

namespace driveway::tree {

inline constexpr const char* kModeProperty = "driveway.mode";
inline constexpr const char* kUidProperty = "driveway.uid";
inline constexpr const char* kGidProperty = "driveway.gid";
inline constexpr const char* kSymlinkProperty = "driveway.symlink";
inline constexpr mode_t kPermissionBits = 07777;

struct Owner {
  uid_t uid = 0;
  gid_t gid = 0;
};

// A symlink whose target is its content, or (old program) stands in a property.
bool is_symlink(const drive::Item& item);
std::optional<std::string> link_target_property(const drive::Item& item);

// Permission bits alone. Without a mode of its own an item has that of `options`, less the write
// bits where the account may not write.
mode_t permissions_of(const drive::Item& item, const TreeOptions& options);
Owner owner_of(const drive::Item& item, const TreeOptions& options);

EntryKind entry_kind(const drive::Item& item);
// As readdir says it, before a shortcut's target has been looked at.
NodeKind node_kind(EntryKind kind);
mode_t type_bits(NodeKind kind);

}  // namespace driveway::tree
