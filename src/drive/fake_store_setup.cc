// What a test makes of a FakeStore: items and their changes.
#include <utility>

#include "base/hash.h"
#include "base/strings.h"
#include "drive/fake_store.h"
#include "drive/fake_store_parts.h"
#include "drive/mime.h"

namespace driveway::drive {

using fake::fresh_item;
using fake::misuse;
using fake::numbered;

FakeStore::FakeStore(Clock& clock) : clock_(clock), faults_(clock) {
  Node root;
  root.item = fresh_item("My Drive", kFolderMimeType, clock.wall_now());
  root_ = add(std::move(root), std::nullopt);
  about_.display_name = "Demo";
  about_.email = "demo@example.com";
  about_.permission_id = "01234567890123456789";
  about_.storage_limit = 15 * kGiB;
  about_.root = root_;
  feed_.clear();
  last_entry_.clear();
}

FakeStore::Node& FakeStore::node(const FileId& id) {
  const auto found = nodes_.find(resolve(id));
  if (found == nodes_.end() || found->second.gone) misuse(cat("no item ", id));
  return found->second;
}

FileId FakeStore::add(Node node, const std::optional<FileId>& parent) {
  if (parent) {
    const Node& folder = this->node(*parent);
    if (folder.item.kind != ItemKind::kFolder) misuse(cat("not a folder: ", *parent));
    node.item.parent = folder.item.id;
    node.item.drive = folder.item.drive;
    if (!folder.item.drive && !node.made_here) {
      node.item.owned_by_me = folder.item.owned_by_me;
    }
  }
  if (node.item.id.empty()) node.item.id = FileId(numbered("fake", next_id_++));
  const FileId id = node.item.id;
  if (node.item.parent) children_[*node.item.parent].insert(id);
  if (node.item.kind == ItemKind::kFile) {
    node.item.head_revision = Revision(numbered("rev", next_id_++));
  }
  Node& stored = nodes_[id] = std::move(node);
  changed(stored);
  return id;
}

void FakeStore::fill_content(Node& node, std::string content) {
  node.item.size = content.size();
  node.item.md5 = hash_hex(HashKind::kMd5, content);
  node.item.sha1 = hash_hex(HashKind::kSha1, content);
  node.item.sha256 = hash_hex(HashKind::kSha256, content);
  node.content = std::make_shared<const std::string>(std::move(content));
  node.content_at = clock_.wall_now();
}

void FakeStore::replace_content(Node& node, std::string content) {
  node.old_revisions.push_back({head_of(node), node.content});
  fill_content(node, std::move(content));
  node.item.head_revision = Revision(numbered("rev", next_id_++));
  node.item.modified = node.content_at;
  node.keep_head = false;
}

RevisionInfo FakeStore::head_of(const Node& node) {
  return {node.item.head_revision, node.item.md5, node.item.size, node.content_at, node.keep_head};
}

void FakeStore::recount(Node& node) {
  Bytes held = 0;
  if (!node.gone && node.item.owned_by_me && !node.item.drive && node.content) {
    held = node.content->size();
    for (const OldRevision& old : node.old_revisions) held += old.content->size();
  }
  used_ = used_ - node.counted + held;
  node.counted = held;
}

void FakeStore::changed(Node& node) {
  ++node.item.version;
  recount(node);
  const TimePoint now = clock_.now();
  if (listing_lag_ == Duration::zero()) {
    node.history.clear();
    node.history.push_back({TimePoint::min(), node.item, node.gone});
  } else {
    node.history.push_back({now, node.item, node.gone});
  }
  note({node.item.id, node.item.drive, false, node.gone, now});
}

void FakeStore::note(Entry entry) {
  if (const auto last = last_entry_.find(entry.id); last != last_entry_.end()) {
    feed_.erase(last->second);
  }
  last_entry_[entry.id] = next_sequence_;
  feed_[next_sequence_++] = std::move(entry);
}

DriveId FakeStore::add_shared_drive(std::string name) {
  const std::lock_guard lock(mutex_);
  const DriveId drive(numbered("fakedrive", next_id_++));
  drives_.push_back({drive, name, clock_.wall_now()});
  Node top;
  top.item = fresh_item(std::move(name), kFolderMimeType, clock_.wall_now());
  top.item.id = FileId(drive.value());
  top.item.drive = drive;
  top.item.owned_by_me = false;
  add(std::move(top), std::nullopt);
  // The entry is of the drive, not of its top folder.
  note({FileId(drive.value()), drive, true, false, clock_.now()});
  return drive;
}

void FakeStore::remove_shared_drive(const DriveId& drive) {
  const std::lock_guard lock(mutex_);
  std::erase_if(drives_, [&](const SharedDrive& each) { return each.id == drive; });
  remove_tree(FileId(drive.value()));
  note({FileId(drive.value()), drive, true, true, clock_.now()});
}

FileId FakeStore::add_folder(const FileId& parent, std::string name) {
  const std::lock_guard lock(mutex_);
  Node folder;
  folder.item = fresh_item(std::move(name), kFolderMimeType, clock_.wall_now());
  return add(std::move(folder), parent);
}

FileId FakeStore::add_file(const FileId& parent, std::string name, std::string content,
                           const std::string& mime_type) {
  const std::lock_guard lock(mutex_);
  Node file;
  file.item = fresh_item(std::move(name), mime_type, clock_.wall_now());
  fill_content(file, std::move(content));
  return add(std::move(file), parent);
}

FileId FakeStore::add_shortcut(const FileId& parent, std::string name, const FileId& target) {
  const std::lock_guard lock(mutex_);
  Node shortcut;
  shortcut.item = fresh_item(std::move(name), kShortcutMimeType, clock_.wall_now());
  const Node* const to = find_node(target);
  shortcut.item.shortcut = Shortcut{target, to != nullptr ? to->item.mime_type : "", ""};
  return add(std::move(shortcut), parent);
}

FileId FakeStore::add_document(const FileId& parent, std::string name, const std::string& mime_type,
                               std::map<std::string, std::string> exports,
                               std::optional<Bytes> size) {
  const std::lock_guard lock(mutex_);
  Node document;
  document.item = fresh_item(std::move(name), mime_type, clock_.wall_now());
  if (document.item.kind != ItemKind::kDocument) misuse(cat("no native type: ", mime_type));
  document.item.size = size;
  document.exports = std::move(exports);
  return add(std::move(document), parent);
}

FileId FakeStore::add_shared_with_me_folder(std::string name) {
  const std::lock_guard lock(mutex_);
  Node folder;
  folder.item = fresh_item(std::move(name), kFolderMimeType, clock_.wall_now());
  folder.item.owned_by_me = false;
  folder.shared_with_me = true;
  return add(std::move(folder), std::nullopt);
}

FileId FakeStore::add_shared_with_me_file(std::string name, std::string content) {
  const std::lock_guard lock(mutex_);
  Node file;
  file.item = fresh_item(std::move(name), "application/octet-stream", clock_.wall_now());
  file.item.owned_by_me = false;
  file.shared_with_me = true;
  fill_content(file, std::move(content));
  return add(std::move(file), std::nullopt);
}

FileId FakeStore::add_lost_file(std::string name, std::string content) {
  const std::lock_guard lock(mutex_);
  Node file;
  file.item = fresh_item(std::move(name), "application/octet-stream", clock_.wall_now());
  fill_content(file, std::move(content));
  return add(std::move(file), std::nullopt);
}

void FakeStore::rename(const FileId& id, std::string name) {
  const std::lock_guard lock(mutex_);
  Node& changing = node(id);
  changing.item.name = std::move(name);
  changed(changing);
}

void FakeStore::move(const FileId& id, const FileId& new_parent) {
  const std::lock_guard lock(mutex_);
  Node& moving = node(id);
  place(moving, node(new_parent));
  changed(moving);
}

void FakeStore::place(Node& moving, const Node& folder) {
  if (moving.item.parent) children_[*moving.item.parent].erase(moving.item.id);
  children_[folder.item.id].insert(moving.item.id);
  moving.item.parent = folder.item.id;
  moving.item.drive = folder.item.drive;
}

void FakeStore::trash(const FileId& id) {
  const std::lock_guard lock(mutex_);
  Node& changing = node(id);
  changing.item.explicitly_trashed = true;
  changed(changing);
}

void FakeStore::untrash(const FileId& id) {
  const std::lock_guard lock(mutex_);
  Node& changing = node(id);
  if (!changing.item.explicitly_trashed) misuse(cat("not in the trash: ", id));
  changing.item.explicitly_trashed = false;
  changed(changing);
}

void FakeStore::remove_tree(const FileId& id) {
  Node& doomed = node(id);
  const auto children = std::exchange(children_[doomed.item.id], {});
  for (const FileId& child : children) remove_tree(child);
  children_.erase(doomed.item.id);
  doomed.gone = true;
  doomed.content = nullptr;
  doomed.old_revisions.clear();
  changed(doomed);
}

void FakeStore::remove(const FileId& id) {
  const std::lock_guard lock(mutex_);
  remove_item(node(id));
}

void FakeStore::remove_item(const Node& doomed) {
  if (doomed.item.parent) children_[*doomed.item.parent].erase(doomed.item.id);
  remove_tree(doomed.item.id);
}

void FakeStore::set_content(const FileId& id, std::string content) {
  const std::lock_guard lock(mutex_);
  Node& file = node(id);
  if (file.item.kind != ItemKind::kFile) misuse(cat("no blob: ", id));
  replace_content(file, std::move(content));
  changed(file);
}

void FakeStore::edit(const FileId& id, const std::function<void(Item&)>& change) {
  const std::lock_guard lock(mutex_);
  Node& changing = node(id);
  Item edited = changing.item;
  change(edited);
  edited.id = changing.item.id;
  edited.parent = changing.item.parent;
  edited.version = changing.item.version;
  edited.trashed = changing.item.trashed;
  edited.explicitly_trashed = changing.item.explicitly_trashed;
  changing.item = std::move(edited);
  changed(changing);
}

void FakeStore::set_about(const About& about) {
  const std::lock_guard lock(mutex_);
  about_ = about;
  about_.root = root_;
}

void FakeStore::set_page_size(std::size_t items) {
  const std::lock_guard lock(mutex_);
  page_size_ = std::max<std::size_t>(items, 1);
}

void FakeStore::set_read_piece(Bytes bytes) {
  const std::lock_guard lock(mutex_);
  read_piece_ = std::max<Bytes>(bytes, 1);
}

void FakeStore::set_listing_lag(Duration lag) {
  const std::lock_guard lock(mutex_);
  listing_lag_ = lag;
}

void FakeStore::set_feed_lag(Duration lag) {
  const std::lock_guard lock(mutex_);
  feed_lag_ = lag;
}

void FakeStore::set_incomplete_search(bool incomplete) {
  const std::lock_guard lock(mutex_);
  incomplete_ = incomplete;
}

void FakeStore::empty_grouped_listings(int times) {
  const std::lock_guard lock(mutex_);
  empty_grouped_ = times;
}

void FakeStore::expire_tokens() {
  const std::lock_guard lock(mutex_);
  ++token_epoch_;
}

}  // namespace driveway::drive
