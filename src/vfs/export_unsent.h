// Takes out what Drive does not have, whatever happens. Private to vfs/.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/context.h"
#include "base/result.h"
#include "tree/node.h"
#include "vfs/drafts.h"

namespace driveway::vfs {

struct UnsentEntry {
  std::string path;  // as shown, from the top of the mount
  tree::Node node;
  std::shared_ptr<Draft> draft;  // null: its bytes are in Drive, or it has none
};

// As Vfs::export_unsent(): folders are made; files with a draft are written whole, or (where bytes
// of their base can be had neither here nor from Drive) those that are here, to NAME.part, at
// their own offsets, with {"size":N,"extents":[{"offset":N,"length":N},…]} in NAME.part.json.
// Symlinks become symlinks. Gives the count of files. Errors: kAlreadyExists (something of this
// name is there: nothing is overwritten), those of the disk.
Result<std::uint64_t> export_entries(const Context& context,
                                     const std::vector<UnsentEntry>& entries,
                                     const std::filesystem::path& folder);

}  // namespace driveway::vfs
