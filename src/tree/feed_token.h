// The token of a feed is taken before the first listing of what the feed tells about (J3).
#pragma once

#include <optional>

#include "base/context.h"
#include "base/ids.h"
#include "base/result.h"
#include "tree/merge.h"

namespace driveway::tree {

// Sees to it that the feed of `drive` (nothing: the account's own) is followed. One call to Drive
// where it is not yet. Gives the feed's epoch.
Result<std::uint64_t> follow_feed(const Context& context, TreeParts& parts,
                                  const std::optional<DriveId>& drive);

// A refused token: takes a fresh one and makes all that the feed told about count as old.
// Gives false where another thread has done it meanwhile.
Result<bool> renew_feed(const Context& context, TreeParts& parts,
                        const std::optional<DriveId>& drive, const std::string& refused);

}  // namespace driveway::tree
