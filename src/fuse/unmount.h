// Private to fuse/.
#pragma once

#include <filesystem>

#include "base/result.h"

namespace driveway::fuse {

// Asks the kernel to unmount what is at `mountpoint`; ok when nothing is mounted there. `lazy`
// detaches also what is in use. Errors: kBusy, kPermissionDenied.
Status unmount_path(const std::filesystem::path& mountpoint, bool lazy);

}  // namespace driveway::fuse
