#include "cli/mount_record.h"

#include <signal.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <optional>
#include <system_error>
#include <vector>

#include "base/file.h"
#include "base/log.h"
#include "base/strings.h"
#include "control/socket.h"
#include "fuse/mount.h"

namespace driveway::cli {
namespace {

// A record is the moment when the process began, then each mount's device and mountpoint, with a
// NUL behind each.
constexpr std::string_view kExtension = ".mounts";
constexpr char kFieldEnd = '\0';
// For the kernel to let go of a process whose connections have ended.
constexpr auto kEndDeadline = std::chrono::seconds(5);

struct Process {
  char state = 0;  // as ps says it
  std::uint64_t threads = 0;
  std::uint64_t begun = 0;  // clock ticks since boot: tells it from a later one of the same number
};

std::optional<Process> look_at(std::uint64_t pid) {
  constexpr std::size_t kState = 0;
  constexpr std::size_t kThreads = 17;
  constexpr std::size_t kBegun = 19;  // fields behind the name, which may hold anything
  const std::string stat = read_file(cat("/proc/", pid, "/stat")).value_or("");
  const auto name_end = stat.rfind(") ");
  if (name_end == std::string::npos) return std::nullopt;
  const auto fields = split(std::string_view(stat).substr(name_end + 2), ' ');
  if (fields.size() <= kBegun || fields[kState].empty()) return std::nullopt;
  const auto begun = parse_uint(fields[kBegun]);
  const auto threads = parse_uint(fields[kThreads]);
  if (!begun || !threads) return std::nullopt;
  return Process{.state = fields[kState].front(), .threads = *threads, .begun = *begun};
}

bool has_kill_pending(std::uint64_t pid) {
  const std::string status = read_file(cat("/proc/", pid, "/status")).value_or("");
  for (const std::string_view line : split(status, '\n')) {
    if (!line.starts_with("SigPnd:\t") && !line.starts_with("ShdPnd:\t")) continue;
    const std::string mask(line.substr(line.find('\t') + 1));
    if ((std::strtoull(mask.c_str(), nullptr, 16) >> (SIGKILL - 1) & 1) != 0) return true;
  }
  return false;
}

bool is_zombie(const Process& process) { return process.state == 'Z' || process.state == 'X'; }

// Nothing is left of it that could hold a connection; who has to has not reaped it.
bool has_ended(const Process& process) { return is_zombie(process) && process.threads <= 1; }

void end_mounts_of(std::uint64_t pid, const std::filesystem::path& path, Clock& clock) {
  const std::string record = read_file(path).value_or("");
  const auto fields = split(record, kFieldEnd);
  const auto process = look_at(pid);
  const bool there = process && parse_uint(fields.front()) == process->begun;
  if (there && !is_zombie(*process) && !has_kill_pending(pid)) return;
  // At once: a device's number is given anew when its mount has gone.
  std::error_code ignored;
  std::filesystem::remove(path, ignored);
  if (!there || has_ended(*process)) return;
  for (std::size_t i = 1; i + 1 < fields.size(); i += 2) {
    fuse::end_mount(std::string(fields[i + 1]), std::string(fields[i]));
  }
  const Context ending{.deadline = clock.now() + kEndDeadline};
  const Status ended = control::wait_for_exit(ending, clock, static_cast<int>(pid));
  if (!ended.ok()) log::warn("process ", pid, " was killed and does not end: ", ended.error());
}

}  // namespace

MountRecord::MountRecord(const std::filesystem::path& folder)
    : path_(folder / cat(::getpid(), kExtension)) {}

MountRecord::~MountRecord() {
  std::error_code ignored;
  std::filesystem::remove(path_, ignored);
}

Status MountRecord::add(const std::string& device, const std::string& mountpoint) {
  const std::lock_guard lock(mutex_);
  mounts_[device] = mountpoint;
  return write();
}

Status MountRecord::remove(const std::string& device) {
  const std::lock_guard lock(mutex_);
  mounts_.erase(device);
  return write();
}

Status MountRecord::write() const {
  const auto self = look_at(static_cast<std::uint64_t>(::getpid()));
  std::string record = cat(self ? self->begun : 0, kFieldEnd);
  for (const auto& [device, mountpoint] : mounts_) {
    record += cat(device, kFieldEnd, mountpoint, kFieldEnd);
  }
  return write_file_atomically(path_, record, 0600);
}

void end_killed_mounts(const std::filesystem::path& folder, Clock& clock) {
  std::error_code ignored;
  std::vector<std::filesystem::path> records;
  for (const auto& entry : std::filesystem::directory_iterator(folder, ignored)) {
    if (entry.path().extension() == kExtension) records.push_back(entry.path());
  }
  for (const auto& path : records) {
    if (const auto pid = parse_uint(path.stem().string())) end_mounts_of(*pid, path, clock);
  }
}

}  // namespace driveway::cli
