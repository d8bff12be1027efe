// Errors become errno here, and nowhere else.
#pragma once

#include "base/result.h"

namespace driveway::fuse {

// A positive errno. What a program can react to keeps its meaning; what it cannot is EIO.
int to_errno(const Error& error);
// The same of what concerns an extended attribute, as xattr(7) and its callers have it: what is not
// there is ENODATA, what one may not change EPERM (cp and Python's shutil go on then), and what is
// larger than Drive's properties hold (E3) ENOSPC, as where an ext4 block is full.
int to_attribute_errno(const Error& error);

}  // namespace driveway::fuse
