// What Drive does not have yet, as `status` says it (docs/METRICS.md, "writes"). Private to
// control/.
#pragma once

#include <string>

#include <nlohmann/json_fwd.hpp>

#include "base/clock.h"
#include "journal/change.h"
#include "vfs/vfs.h"

namespace driveway::control {

// Its figures alone: "changes", "failed", "dirty_files", "bytes", "age_ms", "eta_ms". Null where
// nothing can be changed.
nlohmann::json backlog_document(vfs::Vfs& vfs, Clock& clock);
// And what is being sent, what waits and for what, what failed, what stops it all, how conflicts
// ended, and what is left in Drive.
nlohmann::json writes_document(vfs::Vfs& vfs, Clock& clock);

// What of this client's takes room in Drive in vain (J13).
nlohmann::json leftovers_document(const journal::LeftoverTotals& left);

// Where the item of a row is shown; of one that was removed, where it was.
std::string path_of(vfs::Vfs& vfs, const journal::Change& change);

}  // namespace driveway::control
