#include "vfs/opener.h"

#include <chrono>
#include <string>
#include <utility>

#include "base/log.h"
#include "base/strings.h"
#include "vfs/entry_rows.h"

namespace driveway::vfs {
namespace {

// A row that nothing needs may be forgotten before its writer is counted.
constexpr int kAttempts = 4;
constexpr auto kRecordedWithin = std::chrono::seconds(1);

class StringSink final : public ByteSink {
 public:
  explicit StringSink(Bytes limit) : limit_(limit) {}
  Status write(std::span<const std::byte> data) override {
    if (text_.size() + data.size() > limit_) {
      return Error{ErrorCode::kTooLarge, cat("larger than ", format_size(limit_))};
    }
    text_.append(reinterpret_cast<const char*>(data.data()), data.size());
    return {};
  }
  std::string take() { return std::move(text_); }

 private:
  const Bytes limit_;
  std::string text_;
};

Error refusal(const journal::Problem& problem) {
  return {problem.code, cat("Drive takes no new content here: ", problem.message)};
}

}  // namespace

// --- For reading.

Result<tree::Node> Opener::target_of(const Context& context, tree::Node node) const {
  if (!node.shortcut || !node.item) return node;
  return parts_.changes.view.by_id(context, node.item->id);
}

// The inode can give no bytes any more: its name shall mean another one.
void Opener::find_successor(const Context& context, const tree::Node& node) {
  parts_.blobs.noticed_stale(context, Blobs::Look::kNow);
  if (!parts_.blobs.misled(node.inode)) return;
  if (const Status renewed = parts_.changes.tree.renew(node.item->id); !renewed.ok()) {
    log::warn("\"", node.item->name, "\" gets no new inode: ", renewed.error());
  }
}

// Of what is at hand.
Result<std::shared_ptr<OpenFile>> Opener::open_bytes(const Context& context,
                                                     const tree::Node& node) {
  if (node.content == tree::ContentKind::kLink) {
    return std::shared_ptr<OpenFile>(std::make_shared<TextFile>(node, node.link_text, false));
  }
  if (node.content != tree::ContentKind::kBlob) {
    return Error{ErrorCode::kUnsupported, cat("inode ", node.inode, " has no content")};
  }
  InodeId source = node.inode;
  if (node.shortcut) {
    const auto target = target_of(context, node);
    if (target.ok()) source = target->inode;
  }
  const auto file =
      std::make_shared<BlobFile>(node, source, parts_.blobs, parts_.siblings, parts_.writes);
  DRIVEWAY_CHECK(file->open());
  return std::shared_ptr<OpenFile>(file);
}

Result<std::shared_ptr<OpenFile>> Opener::open_here(const tree::Node& node) {
  return open_bytes(Context{}.with_deadline(parts_.changes.clock.now()), node);
}

Result<std::shared_ptr<OpenFile>> Opener::open_to_read(const Context& context, tree::Node node) {
  if (node.content == tree::ContentKind::kExport) {
    StringSink sink(drive::kMostExported);
    DRIVEWAY_CHECK(parts_.store.export_document(context, node.item->id, node.export_mime, sink));
    return std::shared_ptr<OpenFile>(
        std::make_shared<TextFile>(std::move(node), sink.take(), true));
  }
  auto file = open_bytes(context, node);
  // The kernel looks the name up again, which means the new file by then.
  if (file.failed_with(ErrorCode::kStale)) find_successor(context, node);
  return file;
}

// --- For writing.

Status Opener::check_accepted(InodeId folder, const DriveId& drive, InodeId file) const {
  const auto problem = parts_.changes.journal.look(
      [&](const journal::ChangeSet& set) -> std::optional<journal::Problem> {
        const journal::Change* const change = file == InodeId() ? nullptr : set.find(file);
        if (change != nullptr && change->problem && change->problem->permanent) {
          return change->problem;
        }
        return set.refusal(folder, drive);
      });
  if (problem) return refusal(*problem);
  return {};
}

// In turn: it is not removed in between.
Result<std::shared_ptr<Draft>> Opener::add_writer(const Context& context, InodeId inode) {
  const auto turn = parts_.naming.take_turn();
  const ChangeParts& changes = parts_.changes;
  auto node = changes.view.node(inode);
  if (node.failed_with(ErrorCode::kNotFound)) {
    // Without a name, but open: by /proc/self/fd.
    const auto draft = changes.drafts.find(inode);
    if (draft == nullptr) return std::move(node).error();
    DRIVEWAY_CHECK(draft->add_writer(context));
    return draft;
  }
  DRIVEWAY_TRY(const tree::Node shown, std::move(node));
  if (shown.unnamed) {  // its item may be another one's
    DRIVEWAY_TRY(const auto draft, changes.drafts.open_draft(shown));
    changes.drafts.unnamed(inode);
    DRIVEWAY_CHECK(draft->add_writer(context));
    return draft;
  }
  const KnownRow row = known_row(shown);
  for (int attempt = 1;; ++attempt) {
    changes.journal.adjust([&](journal::ChangeSet& set) { row.tell(set); });
    DRIVEWAY_TRY(auto draft, changes.drafts.open_draft(shown));
    const Status added = draft->add_writer(context);
    if (added.ok()) return draft;
    if (!added.failed_with(ErrorCode::kNotFound) || attempt == kAttempts) return added.error();
  }
}

Result<std::shared_ptr<Draft>> Opener::begin_writing(const Context& context,
                                                     const tree::Node& node) {
  if (node.content != tree::ContentKind::kBlob) {
    return Error{ErrorCode::kPermissionDenied, cat("\"", node.item ? node.item->name : "",
                                                   "\" has no bytes that can be changed")};
  }
  DRIVEWAY_CHECK(check_can_edit(node));
  if (node.item->trashed) {
    return Error{ErrorCode::kPermissionDenied, cat("\"", node.item->name, "\" is in the trash")};
  }
  DRIVEWAY_CHECK(check_accepted(node.parent, node.item->drive.value_or(DriveId()), node.inode));
  if (parts_.recovery.is_waiting(node.inode)) {
    return Error{
        ErrorCode::kBusy,
        cat("\"", node.item->name,
            "\" was being written when driveway stopped: what was sent of it is looked at"),
        true};
  }
  for (int attempt = 1;; ++attempt) {
    const std::uint64_t seen = parts_.changes.journal.changes();
    auto draft = add_writer(context, node.inode);
    if (draft.ok()) parts_.writes.note();
    if (!draft.failed_with(ErrorCode::kStale) || attempt == kAttempts) return draft;
    // An upload has ended, and is about to be recorded.
    const Context soon = context.with_deadline(parts_.changes.clock.now() + kRecordedWithin);
    const Status recorded = parts_.changes.journal.wait_for_change(soon, seen);
    if (recorded.failed_with(ErrorCode::kCancelled)) return recorded.error();
  }
}

Result<std::shared_ptr<OpenFile>> Opener::open_to_write(const Context& context,
                                                        const tree::Node& node,
                                                        const OpenMode& mode) {
  DRIVEWAY_TRY(const tree::Node target, target_of(context, node));
  DRIVEWAY_TRY(auto draft, begin_writing(context, target));
  auto file = std::make_shared<DraftFile>(target, draft, mode, parts_.changes, options_);
  if (mode.truncate) {
    const Status cut = draft->truncate(context, 0, true);
    if (!cut.ok()) {
      if (const Status closed = file->close(context); !closed.ok()) log::warn(closed.error());
      return cut.error();
    }
  }
  return std::shared_ptr<OpenFile>(std::move(file));
}

std::shared_ptr<OpenFile> Opener::open_made(Naming::Made made, const OpenMode& mode) {
  parts_.writes.note();
  return std::make_shared<DraftFile>(std::move(made.node), std::move(made.draft), mode,
                                     parts_.changes, options_);
}

Status Opener::truncate(const Context& context, const tree::Node& node, Bytes size) {
  OpenMode mode;
  mode.write = true;
  DRIVEWAY_TRY(const auto file, open_to_write(context, node, mode));
  const Status cut = file->truncate(context, size);
  const Status closed = file->close(context);
  return cut.ok() ? closed : cut;
}

}  // namespace driveway::vfs
