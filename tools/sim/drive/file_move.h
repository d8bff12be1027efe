// addParents and removeParents (drive-api reference 9).
#pragma once

#include "sim/drive/file_write.h"

namespace driveway::sim {

// Structure limits for one more child below `parent` (drive-api reference 1.7). `height`: levels of
// folders that come with it. Throws Refused.
void check_room_below(const World& world, const Item& parent, bool is_folder, int height);
// Changes parent, drive and owner of `item` as the options say. Throws Refused.
void apply_move(SimState& state, const Viewer& viewer, Access& access, const WriteOptions& options,
                Item& item);
// The storage of whoever will own an item below `parent`. Throws Refused (storageQuotaExceeded in
// both forms).
void check_storage(const World& world, const Viewer& viewer, const Item& parent, Bytes more);

}  // namespace driveway::sim
