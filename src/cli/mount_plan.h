// What `driveway mount` was asked for, checked and typed.
#pragma once

#include <filesystem>
#include <string>

#include "base/result.h"
#include "cli/commands.h"
#include "cli/settings.h"
#include "control/dispatcher.h"
#include "fuse/mount.h"
#include "vfs/vfs.h"

namespace driveway::cli {

struct MountPlan {
  std::string account;
  std::string quota;
  std::filesystem::path cache_dir;
  vfs::VfsOptions vfs;
  fuse::MountOptions mount;
};

// Errors: kInvalidArgument.
Result<MountPlan> plan_mount(const Settings& settings, const MountArguments& arguments);
// As the daemon of such a mount says it of itself.
control::WriteSettings write_settings(const vfs::VfsOptions& options);
// The part that the commands without a mount need too: `account`, `quota`, `cache_dir`, `vfs`.
Result<MountPlan> plan_vfs(const Settings& settings);

}  // namespace driveway::cli
