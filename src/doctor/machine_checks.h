// Is this machine fit for a mount: the FUSE device, the right to mount, the kernel.
//
// Each check takes what it looks at, so that a test gives its own. None waits for anything.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "doctor/finding.h"

namespace driveway::doctor {

// Whether `device` is there, is a character device, and can be opened. "fuse_device".
Finding check_fuse_device(const std::filesystem::path& device);

struct Privileges {
  bool root = false;               // by the effective user id
  bool may_mount = false;          // CAP_SYS_ADMIN is effective
  bool no_new_privileges = false;  // setuid programs do not get their owner's rights
};
// `status`: /proc/self/status (proc(5): Uid, CapEff, NoNewPrivs). What is not in there counts as
// not given.
Privileges parse_privileges(std::string_view status);

// CAP_SYS_ADMIN, or a setuid fusermount3 in one of the folders of `search_path`. "mount_right".
Finding check_mount_right(const Privileges& privileges,
                          const std::vector<std::filesystem::path>& search_path);
// "/usr/bin:/bin" as folders, and those where libfuse looks, too.
std::vector<std::filesystem::path> program_folders(std::string_view path_variable);

// `release` as uname(2) has it; `config`: the text of /boot/config-RELEASE, "" where there is none.
// What cannot be told without a mount is said. "kernel".
Finding check_kernel(std::string_view release, std::string_view config);

}  // namespace driveway::doctor
