// A file that is open for writing, or whose bytes Drive does not have. Private to vfs/.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>

#include "vfs/change_parts.h"
#include "vfs/open_file.h"
#include "vfs/vfs.h"

namespace driveway::vfs {

struct FileOptions {
  FsyncMode fsync = FsyncMode::kJournal;
  Duration max_backlog{};  // J11; 0: off
};

// Thread-safe.
class DraftFile final : public OpenFile {
 public:
  // With mode.write, REQUIRES that `draft` was given a writer, which close() takes away. `parts`
  // must outlive it.
  DraftFile(tree::Node node, std::shared_ptr<Draft> draft, const OpenMode& mode,
            const ChangeParts& parts, const FileOptions& options);
  ~DraftFile() override;

  const tree::Node& node() const override { return node_; }
  bool direct_io() const override { return false; }
  // Another mountpoint's pages may be older than what was written through this one's.
  bool keep_cache() const override { return false; }
  void set_shown() override {}
  Result<std::size_t> read(const Context& context, Bytes offset,
                           std::span<std::byte> buffer) override;
  Status write(const Context& context, std::optional<Bytes> offset,
               std::span<const std::byte> data) override;
  Status truncate(const Context& context, Bytes size) override;
  Status allocate(const Context& context, ByteRange range, bool keep_size) override;
  Status punch(const Context& context, ByteRange range) override;
  Status flush(const Context& context) override;
  Status sync(const Context& context) override;
  std::optional<Bytes> next_data(Bytes offset) override { return draft_->next_data(offset); }
  std::optional<Bytes> next_hole(Bytes offset) override { return draft_->next_hole(offset); }
  Status close(const Context& context) override;

  Draft& draft() const { return *draft_; }
  const OpenMode& mode() const { return mode_; }
  // A whole file that the server copies, told in pieces (copying.h). `done` of `size` bytes count
  // as copied; what comes in between ends it, and cuts the file to `done`.
  struct Copying {
    FileId source;
    Bytes size = 0;
    Bytes done = 0;
  };
  // REQUIRES `lock`, taken by copying_lock().
  std::optional<Copying>& copying(const std::unique_lock<std::mutex>& lock) {
    static_cast<void>(lock);
    return copying_;
  }
  std::unique_lock<std::mutex> copying_lock() { return std::unique_lock(copying_mutex_); }

 private:
  Status check_writable() const;
  Status end_copying(const Context& context);
  // Runs `change`, and tells of it.
  template <typename Change>
  Status changed(const Context& context, const Change& change);

  const tree::Node node_;  // as it was opened
  const std::shared_ptr<Draft> draft_;
  const OpenMode mode_;
  const ChangeParts& parts_;
  const FileOptions options_;
  std::atomic<bool> closed_{false};
  std::mutex copying_mutex_;  // before a Draft's; held over its changes
  std::optional<Copying> copying_;
};

}  // namespace driveway::vfs
