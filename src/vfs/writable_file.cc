#include "vfs/writable_file.h"

#include <utility>

#include "base/log.h"
#include "base/strings.h"
#include "vfs/open_file.h"

namespace driveway::vfs {

DraftFile::DraftFile(tree::Node node, std::shared_ptr<Draft> draft, const OpenMode& mode,
                     const ChangeParts& parts, const FileOptions& options)
    : node_(std::move(node)),
      draft_(std::move(draft)),
      mode_(mode),
      parts_(parts),
      options_(options) {
  parts_.open_nodes.add(node_);
}

DraftFile::~DraftFile() {
  if (const Status closed = close({}); !closed.ok()) {
    log::warn("closing \"", node_.item ? node_.item->name : "", "\": ", closed.error());
  }
  parts_.open_nodes.remove(node_.inode);
}

Status DraftFile::check_writable() const {
  if (mode_.write) return {};
  return refused();
}

// The rest of the source does not come: what is here is what was copied until now.
Status DraftFile::end_copying(const Context& context) {
  const std::lock_guard lock(copying_mutex_);
  if (!copying_) return {};
  if (copying_->done < copying_->size) {
    DRIVEWAY_CHECK(draft_->truncate(context, copying_->done, false));
  }
  copying_.reset();
  return {};
}

Result<std::size_t> DraftFile::read(const Context& context, Bytes offset,
                                    std::span<std::byte> buffer) {
  return draft_->read(context, offset, buffer);
}

template <typename Change>
Status DraftFile::changed(const Context& context, const Change& change) {
  DRIVEWAY_CHECK(check_writable());
  DRIVEWAY_CHECK(end_copying(context));
  DRIVEWAY_CHECK(change());
  parts_.observers.attributes_changed(draft_->inode());
  return {};
}

Status DraftFile::write(const Context& context, std::optional<Bytes> offset,
                        std::span<const std::byte> data) {
  return changed(context, [&] { return draft_->write(context, offset, data); });
}

Status DraftFile::truncate(const Context& context, Bytes size) {
  return changed(context, [&] { return draft_->truncate(context, size, false); });
}

Status DraftFile::allocate(const Context& context, ByteRange range, bool keep_size) {
  return changed(context, [&] { return draft_->allocate(context, range, keep_size); });
}

Status DraftFile::punch(const Context& context, ByteRange range) {
  return changed(context, [&] { return draft_->punch(context, range); });
}

Status DraftFile::flush(const Context& context) {
  DRIVEWAY_CHECK(check_writable());
  DRIVEWAY_CHECK(end_copying(context));
  DRIVEWAY_CHECK(draft_->flush(context));
  if (options_.max_backlog <= Duration::zero()) return {};
  // J11. Whatever ends the wait: what was written is kept, and that is what close(2) says.
  const Status waited = parts_.sender->wait_for_backlog(context, options_.max_backlog);
  if (!waited.ok()) log::debug("the backlog is not waited for any longer: ", waited.error());
  return {};
}

Status DraftFile::sync(const Context& context) {
  DRIVEWAY_CHECK(check_writable());
  DRIVEWAY_CHECK(end_copying(context));
  DRIVEWAY_CHECK(draft_->sync(context));
  if (options_.fsync == FsyncMode::kJournal) return {};
  return parts_.sender->flush(context, {draft_->inode()});
}

Status DraftFile::close(const Context& context) {
  if (!mode_.write || closed_.exchange(true)) return {};
  const Status ended = end_copying(context);
  const Status closed = draft_->remove_writer(context);
  const InodeId inode = draft_->inode();
  const bool is_named = parts_.journal.look([&](const journal::ChangeSet& set) {
    const journal::Change* const change = set.find(inode);
    return change != nullptr && change->wanted.content && !change->wanted.deleted;
  });
  if (!is_named) parts_.drafts.settled(inode);  // it was removed, or nothing was written
  return ended.ok() ? closed : ended;
}

}  // namespace driveway::vfs
