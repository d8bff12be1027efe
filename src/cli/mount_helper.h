// What mount(8) runs for `mount -t fuse.driveway SPEC DIR` and for a line of fstab: the program
// under the name /sbin/mount.fuse.driveway, with mount(8)'s way to say what is wanted.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "cli/exit_status.h"

namespace driveway::cli {

// Whether the program was started as `program` for mount(8).
bool is_mount_helper(std::string_view program);

struct MountHelperCall {
  std::vector<std::string> arguments;  // of `driveway`: mount … DIR
  bool is_fake = false;                // -f: all but the mount
};

// `arguments`: SPEC DIR [-sfnvrw] [-o OPT[,OPT…]] [-t TYPE] [-N NAMESPACE], as mount(8) gives them
// (its manual, "external helpers"). SPEC says nothing: the account is an option. Of the options,
// those named like a setting (account=NAME, cache-size=20G) become that flag, those that are about
// fstab (noauto, user, nofail, _netdev, x-…) are left out, and the others are the kernel's. Errors:
// kInvalidArgument.
Result<MountHelperCall> parse_mount_helper(const std::vector<std::string>& arguments);

// What mount(8) expects of its helpers: 1 for a wrong call, 8 interrupted, 32 failed.
int mount_helper_status(ExitStatus status);

}  // namespace driveway::cli
