#include "fuse/device_read_ahead.h"

#include <fcntl.h>
#include <sys/sysmacros.h>

#include <cerrno>
#include <span>

#include "base/file.h"
#include "base/strings.h"

namespace driveway::fuse {

Status set_device_read_ahead(dev_t device, Bytes size, const std::filesystem::path& sysfs) {
  const auto path = sysfs / "class/bdi" / cat(major(device), ":", minor(device)) / "read_ahead_kb";
  const UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!fd.valid()) return errno_error(errno, cat("cannot open ", path.string()));
  const std::string text = cat(size / kKiB);
  return pwrite_all(fd.get(), std::as_bytes(std::span(text)), 0);
}

}  // namespace driveway::fuse
