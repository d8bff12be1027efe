#pragma once

#include "drive/item.h"
#include "journal/change.h"

namespace driveway::vfs {

// Makes of `item`, as the tree has it or empty, what it will be once Drive has `change`. Of bytes
// that are not in Drive it knows the size alone: no checksums.
void overlay_item(const journal::Change& change, drive::Item& item);

}  // namespace driveway::vfs
