#include "vfs/local_side.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/strings.h"
#include "tree/layout.h"
#include "tree/names.h"

namespace driveway::vfs {
namespace {

using journal::Change;
using journal::ChangeSet;
using journal::Sent;

constexpr mode_t kFolderMode = 0755;
constexpr int kMostNamesakes = 1000;

std::string host_name() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) return "unknown host";
  return name.data();
}

bool same_bytes(const std::string& md5, std::optional<Bytes> size, const drive::Item& item) {
  return !md5.empty() && md5 == item.md5 && size == item.size;
}

// Whose the item is, be it by the mark of what was made without an id (J2).
InodeId holder_of(const ChangeSet& set, const drive::Item& item) {
  const InodeId inode = set.find_id(item.id);
  return inode != InodeId() ? inode : set.find_operation(item);
}

// REQUIRES that the item is its.
bool sent_them(const Sent& sent, const drive::Item& item) {
  if ((!sent.id.empty() && sent.id != item.id) || sent.generation == 0) return false;
  // The server made them; md5 is not known here.
  if (sent.action == journal::Action::kCopy && sent.md5.empty()) return true;
  return same_bytes(sent.md5, sent.content.size, item);
}

}  // namespace

// --- JournalChanges.

std::optional<InodeId> JournalChanges::inode_of(const FileId& id) const {
  const InodeId inode = journal_.look([&](const ChangeSet& set) { return set.find_id(id); });
  if (inode == InodeId()) return std::nullopt;
  return inode;
}

std::optional<InodeId> JournalChanges::maker_of(const drive::Item& item) const {
  const InodeId inode = journal_.look([&](const ChangeSet& set) { return holder_of(set, item); });
  if (inode == InodeId()) return std::nullopt;
  return inode;
}

bool JournalChanges::wrote(InodeId inode, const drive::Item& item) const {
  return journal_.look([&](const ChangeSet& set) {
    const Change* const holder = set.find(holder_of(set, item));
    if (holder == nullptr) return false;
    // What was sent of another inode, before a rename gave the item to this one (J6).
    const bool is_of_another = holder->sent && holder->sent->order == 0;
    if (is_of_another && sent_them(*holder->sent, item)) return holder->replaces == inode;
    if (holder->inode != inode) return false;
    if (holder->sent && sent_them(*holder->sent, item)) return true;
    // What a rename has left to be removed was another inode's (J6).
    const journal::Known& known = holder->known;
    if (!known.exists || holder->replaces != InodeId() || holder->wanted.deleted) return false;
    return same_bytes(known.md5, known.size, item) ||
           (!known.head_revision.empty() && known.head_revision == item.head_revision);
  });
}

bool JournalChanges::removes(const FileId& id) const {
  return journal_.look([&](const ChangeSet& set) {
    const Change* const change = set.find(set.find_id(id));
    return change != nullptr && change->wanted.deleted;
  });
}

bool JournalChanges::is_fresh_folder(const FileId& id) const {
  return journal_.look([&](const ChangeSet& set) {
    const Change* const change = set.find(set.find_id(id));
    return change != nullptr && change->is_folder() && !change->known.exists && change->sent &&
           change->sent->action == journal::Action::kCreate && change->sent->id == id &&
           change->sent->at >= begun_;
  });
}

// --- LocalParts.

Result<std::unique_ptr<journal::Snapshot>> LocalParts::snapshot(const Context& context,
                                                                InodeId inode) {
  return drafts_.snapshot(context, inode);
}

Result<InodeId> LocalParts::accept(const drive::Item& item) { return tree_.accept(item); }

Status LocalParts::removed(const FileId& id) { return tree_.forget(id); }

Status LocalParts::confirmed(InodeId inode, const journal::Snapshot* snapshot,
                             const drive::Item& item) {
  return drafts_.confirmed(inode, snapshot, item);
}

// Who has it open goes on reading it; nobody else can find it.
Status LocalParts::replacing(const Context& context, InodeId replaced) {
  const auto open = writes_.open_nodes().find(replaced);
  if (!open || open->content != tree::ContentKind::kBlob) return {};
  if (drafts_.find(replaced) != nullptr) return {};
  // As Drive has it by now: when it was opened it may have been dirty, without a content in Drive.
  const auto now = tree_.node(replaced);
  return fetch_.fetch(context, now.ok() ? *now : *open);
}

void LocalParts::settled(InodeId inode) {
  drafts_.settled(inode);
  writes_.note();
}

std::string LocalParts::conflict_name(const std::string& name) {
  return journal::name_beside(name, cat("conflict ", date_of(clock_.wall_now()), " ", host_name()));
}

Result<journal::Place> LocalParts::recovery_place(const Context& context, const std::string& name) {
  const InodeId my_drive = tree::my_drive_inode(tree_.options().layout);
  auto folder = view_.lookup(context, my_drive, kRecoveryFolder);
  if (folder.failed_with(ErrorCode::kNotFound)) {
    const NewNode attributes{kFolderMode, tree_.options().uid, tree_.options().gid};
    folder = naming_.make_folder(context, my_drive, kRecoveryFolder, attributes);
    if (folder.failed_with(ErrorCode::kAlreadyExists)) {
      folder = view_.lookup(context, my_drive, kRecoveryFolder);
    }
  }
  DRIVEWAY_TRY(const tree::Node node, std::move(folder));
  if (node.kind != tree::NodeKind::kDirectory) {
    return Error{ErrorCode::kNotADirectory,
                 cat("'", kRecoveryFolder, "' in My Drive is no folder")};
  }
  DRIVEWAY_TRY(const InodeId real, view_.real_directory(node.inode));
  std::string free = name;
  for (int other = 2; other < kMostNamesakes; ++other) {
    const auto taken = view_.lookup(context, real, tree::shown_name(free, "", FileId()));
    if (taken.failed_with(ErrorCode::kNotFound)) break;
    if (!taken.ok()) return taken.error();
    free = journal::name_beside(name, cat(other));
  }
  return journal::Place{real, node.item ? node.item->id : FileId(), std::move(free)};
}

std::string date_of(WallTime time) { return format_rfc3339(time).substr(0, 10); }

std::string date_and_time_of(WallTime time) {
  std::string text = format_rfc3339(time).substr(0, 19);
  text[10] = ' ';
  std::replace(text.begin(), text.end(), ':', '.');
  return text;
}

}  // namespace driveway::vfs
