// What a power loss may leave of the files below a folder.
//
// While a CrashDisk lives, the file calls of this program below its folder are recorded: those of
// our code and those of LMDB alike, since this library defines them for the whole test program
// (open, openat, write, writev, pwrite, pwritev, truncate, ftruncate, fallocate, posix_fallocate,
// rename, unlink, mkdir, rmdir, fsync, fdatasync; msync of a map that is written through is not
// supported). They are carried out too, but for the syncs (anywhere), which are only noted. image()
// then builds what the disk may hold after a crash between two calls: what was synced is there; of
// what was not, any subset: of the writes, or of their sectors of 512 bytes, and of the changes of
// names.
//
// The rules: fsync and fdatasync of a file make all earlier writes and lengths of it durable, not
// its name; fsync of a folder makes its names durable; a write to a file opened with O_DSYNC or
// O_SYNC is durable at once, and nothing else with it; a rename happens wholly or not at all.
// What is done to a file after its last name is gone is not recorded.
//
// One at a time in a program. Thread-safe; the folder's paths must be absolute.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <string>

namespace driveway {

class CrashDisk {
 public:
  enum class Loss {
    kNothing,  // as after a kill: all is there
    kWrites,   // each unsynced write and change of a name, or not
    kSectors,  // each sector of an unsynced write, or not
    kUnsynced  // nothing that was not synced is there
  };
  static constexpr Loss kAllLosses[] = {Loss::kNothing, Loss::kWrites, Loss::kSectors,
                                        Loss::kUnsynced};

  // What is below `root` now counts as being on disk.
  explicit CrashDisk(const std::filesystem::path& root);
  ~CrashDisk();
  CrashDisk(const CrashDisk&) = delete;
  CrashDisk& operator=(const CrashDisk&) = delete;

  // A mutation, to show that a test notices: a sync of what `ignored` says of its present path does
  // nothing from now on.
  using Predicate = std::function<bool(const std::filesystem::path& path)>;
  void ignore_syncs(Predicate ignored);
  // Takes down that the program promised `value` at this moment.
  void mark(std::uint64_t value);
  // How many calls were recorded: a crash can be before each, or after the last.
  std::size_t calls() const;
  // The mark that was taken down last, when the first `calls` calls had been made.
  std::optional<std::uint64_t> marked(std::size_t calls) const;
  // Builds what is below `root` after a crash behind the first `calls` calls, as the new folder
  // `target` (outside of `root`).
  void image(std::size_t calls, Loss loss, std::mt19937_64& random,
             const std::filesystem::path& target) const;

  // Of the interposed calls.
  class Recorder;

 private:
  const std::unique_ptr<Recorder> recorder_;
};

}  // namespace driveway
