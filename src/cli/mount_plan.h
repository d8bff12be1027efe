// What `driveway mount` was asked for, checked and typed.
#pragma once

#include <filesystem>
#include <string>

#include "auth/choose_source.h"
#include "base/result.h"
#include "cli/account.h"
#include "cli/commands.h"
#include "cli/settings.h"
#include "control/dispatcher.h"
#include "fuse/mount.h"
#include "vfs/vfs.h"

namespace driveway::cli {

struct MountPlan {
  // What its daemon is found by: --account, or the --with that uses no stored login.
  std::string account;
  auth::SourceOptions source;
  AccountOptions drive;
  std::filesystem::path cache_dir;
  vfs::VfsOptions vfs;
  fuse::MountOptions mount;        // but for its top
  std::string top;                 // as control::find_top() takes it; "": all of the account
  std::filesystem::path log_file;  // empty: stderr in the foreground, else in `cache_dir`
};

// Errors: kInvalidArgument.
Result<MountPlan> plan_mount(const Settings& settings, const MountArguments& arguments);
// Nothing can be changed through such a mount.
void make_read_only(MountPlan& plan);
// As the daemon of such a mount says it of itself.
control::WriteSettings write_settings(const vfs::VfsOptions& options);
// The part that the commands without a mount need too: `account`, `source`, `drive`, `cache_dir`,
// `vfs`.
Result<MountPlan> plan_vfs(const Settings& settings);
// Which credential the settings mean: account, with, subject. Errors: kInvalidArgument.
Result<auth::SourceOptions> source_options(const Settings& settings);
// Makes it one of the stored login `name`.
void use_account(MountPlan& plan, const std::string& name);
// Whether the settings say whose Drive is meant.
bool names_account(const Settings& settings);

}  // namespace driveway::cli
