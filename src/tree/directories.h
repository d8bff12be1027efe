// Which directories are known, and how the others are asked for. Read-only; within the caller's
// snapshot.
#pragma once

#include <optional>

#include "base/ids.h"
#include "base/result.h"
#include "tree/listing_run.h"
#include "tree/meta_store.h"
#include "tree/tree.h"

namespace driveway::tree {

enum class Completeness {
  kComplete,  // `meta` has all entries
  kUnlisted,  // it must be listed
  kInTrash,   // Drive lists nothing that is in the trash: what `meta` has is all there is
};

// REQUIRES `directory` to be a fixed folder or a folder's inode.
Result<Completeness> completeness(const MetaReader& meta, InodeId directory,
                                  const TreeOptions& options);

// How `directory` is listed. Errors: kNotFound, kNotADirectory.
Result<ListTarget> list_target(const MetaReader& meta, InodeId directory,
                               const TreeOptions& options);

}  // namespace driveway::tree
