// A Vfs, mounted: the one module that knows libfuse (low-level API), and the one place where errors
// become errno.
//
// Requests run on own worker threads; each that may wait for Drive has a deadline and ends at once
// when the kernel interrupts it (R5). Kernel invalidation goes out from a thread of its own that
// holds no lock (measured.md). PARALLEL_DIROPS is set in the INIT reply, which libfuse 3.14 fails
// to do.
//
// Locks of files (flock, fcntl) are the kernel's own: among all who use one mountpoint.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/metrics.h"
#include "base/result.h"
#include "vfs/vfs.h"

namespace driveway::fuse {

struct MountOptions {
  std::filesystem::path mountpoint;
  std::vector<std::string> kernel_options;  // "-o": allow_other, nonempty, …; unknown ones are
                                            // named in an error. "ro": the kernel itself refuses
                                            // changes, which a vfs for reading only needs
  InodeId top = tree::Tree::root();         // the folder that is shown; must be there
  int threads = 4;
  Duration read_deadline = std::chrono::seconds(300);  // --read-deadline
};

// Of libfuse, as it runs here: "3.14.0".
std::string library_version();

// The one spelling of a mountpoint: absolute and without symlinks. Asks nothing of what is mounted
// there, which may be dead or wedged.
std::filesystem::path canonical_mountpoint(const std::filesystem::path& mountpoint);

// What is at `mountpoint` now; after 2 s without an answer, kSilent.
enum class MountpointState {
  kFree,
  kNotEmpty,
  kOurs,   // driveway's, and it answers
  kStale,  // a mount whose daemon has gone
  kSilent,
  kMissing,
  kNotADirectory
};
MountpointState inspect_mountpoint(const std::filesystem::path& mountpoint);
// Whether the kernel has a driveway mount there, whoever serves it, or nobody.
bool is_driveway_mount(const std::filesystem::path& mountpoint);
// Its device as the kernel numbers it ("0:57"); "" where there is none.
std::string mounted_device(const std::filesystem::path& mountpoint);
// Whoever waits in that mount gets an error, and nobody serves it any more; it stays there, dead.
// Does nothing where something else is mounted now. Never waits for it.
void end_mount(const std::filesystem::path& mountpoint, const std::string& device);
// Unmounts what no daemon answers for. `force`: also what is in use; those who wait in it get an
// error. Errors: kBusy, kPermissionDenied.
Status unmount_abandoned(const std::filesystem::path& mountpoint, bool force);
// Lazily detaches a dead mount ("Transport endpoint is not connected"), E5. Never touches a live
// one.
Status detach_stale(const std::filesystem::path& mountpoint);

class Mount {
 public:
  // Mounts, and returns when the kernel has completed INIT and requests are answered. `vfs` must
  // outlive it.
  static Result<std::unique_ptr<Mount>> mount(const MountOptions& options, vfs::Vfs& vfs,
                                              Clock& clock, Metrics& metrics);
  // Unmounts if still mounted, cancels waiting requests, joins.
  virtual ~Mount() = default;
  // Returns when the file system is unmounted, by unmount() or by someone else.
  virtual void wait() = 0;
  // Ends the session's threads: wait() returns. The destructor does it too.
  virtual void stop() = 0;
  // Asks the kernel to unmount. Errors: kBusy (open files; `force` detaches lazily). Callable from
  // any thread.
  virtual Status unmount(bool force) = 0;
};

}  // namespace driveway::fuse
