#include "vfs/volume_folder.h"

#include <unistd.h>

#include <utility>

#include "base/log.h"
#include "base/strings.h"

namespace driveway::vfs {
namespace {

constexpr std::string_view kInUse = "in-use";
constexpr std::string_view kClean = "clean";

std::string state_text(std::string_view boot_id, std::string_view state) {
  return cat(boot_id, "\n", state, "\n");
}

// Whether the state left by the last holder means that the machine stopped under it.
bool crashed_machine(const std::string& text, const std::string& boot_id) {
  const auto lines = split(text, '\n');
  if (lines.size() < 2) return true;  // never written half, so it is damaged
  if (lines[1] == kClean) return false;
  return lines[0] != boot_id || boot_id == "unknown";
}

}  // namespace

Result<VolumeFolder> VolumeFolder::acquire(const std::filesystem::path& folder,
                                           const std::string& boot_id) {
  DRIVEWAY_CHECK(make_private_directory(folder));
  auto lock = FileLock::try_lock(folder / "lock");
  if (!lock.ok()) {
    if (lock.error().code != ErrorCode::kBusy) return lock.error();
    const std::string pid = read_file(folder / "pid").value_or("unknown");
    return Error{ErrorCode::kBusy,
                 cat("the cache folder ", folder.string(), " is in use by process ", trim(pid))};
  }
  DRIVEWAY_CHECK(write_file_atomically(folder / "pid", cat(::getpid(), "\n"), 0600));
  const auto state = read_file(folder / "state");
  if (!state.ok() && state.error().code != ErrorCode::kNotFound) return state.error();
  const bool crashed = state.ok() && crashed_machine(*state, boot_id);
  if (crashed) log::warn("the machine stopped while ", folder.string(), " was in use");
  // Distrusted until mark_wiped(), also by who comes after a crash in between.
  const std::string holder = crashed ? "crashed" : boot_id;
  DRIVEWAY_CHECK(write_file_atomically(folder / "state", state_text(holder, kInUse), 0600));
  return VolumeFolder(folder, boot_id, *std::move(lock), crashed);
}

Status VolumeFolder::mark_wiped() {
  return write_file_atomically(path_ / "state", state_text(boot_id_, kInUse), 0600);
}

Status VolumeFolder::mark_clean() {
  return write_file_atomically(path_ / "state", state_text(boot_id_, kClean), 0600);
}

std::string current_boot_id() {
  const auto text = read_file("/proc/sys/kernel/random/boot_id");
  return text.ok() ? std::string(trim(*text)) : "unknown";
}

}  // namespace driveway::vfs
