// How far ahead the kernel reads in a mount. Private to fuse/.
#pragma once

#include <sys/types.h>

#include <filesystem>

#include "base/bytes.h"
#include "base/result.h"

namespace driveway::fuse {

// Lets the kernel read `size` ahead in files of the file system `device` (st_dev). A mount begins
// with 128 KiB, whatever it asks for in INIT: only root can raise that, in sysfs. Errors:
// kPermissionDenied, kNotFound (no sysfs here), as errno_error.
Status set_device_read_ahead(dev_t device, Bytes size, const std::filesystem::path& sysfs = "/sys");

}  // namespace driveway::fuse
