// Paths in shown names.
#pragma once

#include <string_view>
#include <utility>

#include "base/result.h"
#include "base/strings.h"
#include "tree/node.h"

namespace driveway::tree {

// The node at `path` below `here`; "" and "." are names of a folder itself. `lookup`:
// Result<Node>(InodeId folder, std::string_view name). Errors: kNotADirectory, those of `lookup`.
template <typename Lookup>
Result<Node> resolve_path(Node here, std::string_view path, const Lookup& lookup) {
  for (const std::string_view name : split(path, '/')) {
    if (name.empty() || name == ".") continue;
    if (here.kind != NodeKind::kDirectory) {
      return Error{ErrorCode::kNotADirectory,
                   cat("'", path, "': not a folder before '", name, "'")};
    }
    Result<Node> next = lookup(here.inode, name);
    if (next.failed_with(ErrorCode::kNotFound)) {
      return wrap(std::move(next).error(), cat("'", path, "'"));
    }
    DRIVEWAY_TRY(here, std::move(next));
  }
  return here;
}

}  // namespace driveway::tree
