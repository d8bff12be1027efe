// Changes of items: create, update, copy, remove (drive-api reference 2, 5, 8, 9).
#include <algorithm>
#include <utility>

#include "base/strings.h"
#include "drive/fake_store.h"
#include "drive/fake_store_answer.h"
#include "drive/fake_store_parts.h"

namespace driveway::drive {

using fake::denied;
using fake::fresh_item;
using fake::invalid;
using fake::not_found;
using fake::numbered;

namespace {

constexpr int kMostIds = 1000;  // of one call (drive-api reference 5.8)
// Reference 1.7 and 2.
constexpr int kDeepest = 100;
constexpr std::size_t kMostProperties = 30;
constexpr std::size_t kLongestProperty = 124;

using Properties = std::map<std::string, std::string>;
using PropertyChanges = std::map<std::string, std::optional<std::string>>;

Status merge(const PropertyChanges& changes, Properties& properties) {
  for (const auto& [key, value] : changes) {
    if (!value) {
      properties.erase(key);
      continue;
    }
    if (!is_valid_utf8(key) || !is_valid_utf8(*value)) return invalid("a property is not UTF-8");
    if (key.size() + value->size() > kLongestProperty) {
      return Error{ErrorCode::kTooLarge, cat("the property ", key, " is longer than 124 bytes")};
    }
    properties[key] = *value;
  }
  if (properties.size() > kMostProperties) {
    return Error{ErrorCode::kTooLarge, "an item has at most 30 public properties"};
  }
  return {};
}

Status merge(const Properties& added, Properties& properties) {
  return merge(PropertyChanges(added.begin(), added.end()), properties);
}

bool is_google_type(const std::string& mime_type) {
  return mime_type.starts_with(kNativeMimePrefix);
}

// What of a new item is wrong in itself.
Status check_form(const NewItem& item, bool with_content) {
  if (item.kind == ItemKind::kDocument) return invalid("a Doc cannot be made from here");
  if (item.kind != ItemKind::kFile && with_content) return invalid("only a file has content");
  if (item.kind == ItemKind::kFile && is_google_type(item.mime_type)) {
    return invalid(cat("a file of the type ", item.mime_type, " would be converted"));
  }
  const bool points = item.shortcut && !item.shortcut->target.empty();
  if (points != (item.kind == ItemKind::kShortcut)) {
    return invalid("a shortcut has a target, and nothing else has one");
  }
  return {};
}

}  // namespace

Status FakeStore::check_name(const std::string& name) const {
  if (!is_valid_utf8(name)) return invalid("a name that is not UTF-8");
  return {};
}

int FakeStore::depth_of(const Node& node) const {
  int depth = 0;
  for (const Node* up = &node; up->item.parent; ++depth) {
    up = find_node(*up->item.parent);
    if (up == nullptr) break;
  }
  return depth;
}

int FakeStore::height_of(const Node& node) const {
  int height = 0;
  if (const auto children = children_.find(node.item.id); children != children_.end()) {
    for (const FileId& child : children->second) {
      const Node& below = nodes_.at(child);
      if (below.item.kind == ItemKind::kFolder) height = std::max(height, 1 + height_of(below));
    }
  }
  return height;
}

// Whether a folder takes an item below which there are `height` levels of folders.
Status FakeStore::check_parent(const Node& folder, bool is_folder, int height) const {
  if (folder.item.kind != ItemKind::kFolder) {
    return invalid(cat(folder.item.id, " is not a folder"));
  }
  if (!folder.item.capabilities.can_add_children) {
    return denied("Insufficient permissions for the specified parent.");
  }
  if (is_folder && depth_of(folder) + 1 + height > kDeepest) {
    return Error{ErrorCode::kTooLarge, "folders lie at most 100 deep"};
  }
  return {};
}

Result<const FakeStore::Node*> FakeStore::new_parent(const FileId& id, bool is_folder) const {
  const Node* const folder = find_node(id.empty() ? root_ : id);
  if (folder == nullptr) return not_found(id);
  DRIVEWAY_CHECK(check_parent(*folder, is_folder, 0));
  return folder;
}

Status FakeStore::check_new_id(const FileId& id, ItemKind kind) const {
  if (id.empty()) return {};
  if (nodes_.contains(id)) {
    return Error{ErrorCode::kAlreadyExists, "A file already exists with the provided ID."};
  }
  const bool has_own = kind == ItemKind::kShortcut || kind == ItemKind::kDocument;
  if (has_own || !given_ids_.contains(id)) return invalid("The provided file ID is not usable.");
  return {};
}

Status FakeStore::check_room(Bytes more, bool counts) const {
  if (upload_quota_exhausted_) {
    return Error{ErrorCode::kQuotaExceeded, "User rate limit exceeded."};
  }
  if (counts && about_.storage_limit && about_.usage + used_ + more > *about_.storage_limit) {
    return Error{ErrorCode::kStorageFull, "The user's Drive storage quota has been exceeded."};
  }
  return {};
}

// Whether `item` can be made, with a content of `size` if it has one. Changes nothing.
Status FakeStore::check_new(const NewItem& item, std::optional<Bytes> size) const {
  DRIVEWAY_CHECK(check_form(item, size.has_value()));
  DRIVEWAY_CHECK(check_name(item.name));
  DRIVEWAY_TRY(const Node* const parent, new_parent(item.parent, item.kind == ItemKind::kFolder));
  DRIVEWAY_CHECK(check_new_id(item.id, item.kind));
  if (item.shortcut && find_node(item.shortcut->target) == nullptr) {
    return not_found(item.shortcut->target);
  }
  Properties properties;
  DRIVEWAY_CHECK(merge(item.properties, properties));
  if (size) DRIVEWAY_CHECK(check_room(*size, !parent->item.drive));
  return {};
}

// The item, if we may change it.
Result<FakeStore::Node*> FakeStore::changeable(const FileId& id) {
  if (find_node(id) == nullptr) return not_found(id);
  Node& found = node(id);
  const bool top = found.item.id == root_ ||
                   (found.item.drive && found.item.id.value() == found.item.drive->value());
  if (top || !found.item.capabilities.can_edit) {
    return denied("The user does not have sufficient permissions for this file.");
  }
  return &found;
}

Status FakeStore::check_move(const Node& node, const Move& move) const {
  const Node* const to = find_node(move.to);
  if (to == nullptr) return not_found(move.to);
  if (node.item.parent == to->item.id) return {};  // it is there already
  const auto from = move.from.empty() ? std::nullopt : std::optional(resolve(move.from));
  if (node.item.parent != from) {
    return invalid("Increasing the number of parents is not allowed");
  }
  const bool is_folder = node.item.kind == ItemKind::kFolder;
  for (const Node* up = to; up != nullptr;
       up = up->item.parent ? find_node(*up->item.parent) : nullptr) {
    if (up == &node) return invalid("a folder cannot be moved into itself");
  }
  DRIVEWAY_CHECK(check_parent(*to, is_folder, is_folder ? height_of(node) : 0));
  if (to->item.drive == node.item.drive) return {};
  if (is_folder || is_trashed(node.item)) {
    return Error{ErrorCode::kCrossDevice, "only files can be moved between drives"};
  }
  return {};
}

Status FakeStore::check_patch(const Node& node, const ItemPatch& patch,
                              std::optional<Bytes> size) const {
  if (patch.name) DRIVEWAY_CHECK(check_name(*patch.name));
  const bool to_trash = patch.trashed && *patch.trashed != node.item.explicitly_trashed;
  if (to_trash && !node.item.owned_by_me) return denied("only the owner may do that");
  if (patch.mime_type) {
    const bool other = *patch.mime_type != node.item.mime_type;
    if ((other && !size) || is_google_type(*patch.mime_type)) {
      return invalid("the type changes only with the content");
    }
  }
  Properties properties = node.item.properties;
  DRIVEWAY_CHECK(merge(patch.properties, properties));
  if (patch.move) DRIVEWAY_CHECK(check_move(node, *patch.move));
  if (!size) return {};
  if (node.item.kind != ItemKind::kFile) {
    return Error{ErrorCode::kUnsupported, "this kind of item has no content to be changed"};
  }
  return check_room(*size, node.item.owned_by_me && !node.item.drive);
}

// As a Drive that damages what it was sent keeps it.
std::string FakeStore::as_stored(std::string content) {
  if (!content.empty() && std::exchange(corrupt_next_, false)) {
    char& middle = content[content.size() / 2];
    middle = static_cast<char>(middle ^ 1);
  }
  return content;
}

Item FakeStore::finish_edit(Method method, const Node& node, std::optional<Bytes> content) {
  edits_.push_back({method, node.item.id, node.item.name, node.item.parent, content});
  return shown(node);
}

Result<Item> FakeStore::make(Method method, const NewItem& item,
                             std::optional<std::string> content) {
  std::optional<Bytes> size;
  if (content) size = content->size();
  DRIVEWAY_CHECK(check_new(item, size));
  std::string type(kFolderMimeType);
  if (item.kind == ItemKind::kShortcut) type = kShortcutMimeType;
  if (item.kind == ItemKind::kFile) {
    type = item.mime_type.empty() ? "application/octet-stream" : item.mime_type;
  }
  Node made;
  made.made_here = true;
  made.item = fresh_item(item.name.empty() ? "Untitled" : item.name, type, clock_.wall_now());
  made.item.id = item.id;
  made.item.properties = item.properties;
  if (item.created) made.item.created = *item.created;
  if (item.modified) made.item.modified = *item.modified;
  if (item.kind == ItemKind::kShortcut) {
    const Node* const target = find_node(item.shortcut->target);
    made.item.shortcut =
        Shortcut{target->item.id, target->item.mime_type, item.shortcut->target_resource_key};
  }
  if (item.kind == ItemKind::kFile) {
    fill_content(made, as_stored(std::move(content).value_or("")));
    made.keep_head = item.keep_revision;
  }
  const FileId id = add(std::move(made), item.parent.empty() ? root_ : item.parent);
  return finish_edit(method, nodes_.at(id), size);
}

Result<Item> FakeStore::change(Method method, const FileId& id, const ItemPatch& patch,
                               std::optional<std::string> content) {
  DRIVEWAY_TRY(Node* const found, changeable(id));
  std::optional<Bytes> size;
  if (content) size = content->size();
  DRIVEWAY_CHECK(check_patch(*found, patch, size));
  Item& item = found->item;
  if (content) {
    replace_content(*found, as_stored(*std::move(content)));
    found->keep_head = patch.keep_revision;
  }
  if (patch.mime_type) item.mime_type = *patch.mime_type;
  if (patch.name) item.name = *patch.name;
  if (patch.modified) item.modified = *patch.modified;
  if (patch.trashed) item.explicitly_trashed = *patch.trashed;
  if (patch.move) {
    const Node& to = node(patch.move->to);
    if (item.parent != to.item.id) place(*found, to);
  }
  DRIVEWAY_CHECK(merge(patch.properties, item.properties));
  changed(*found);
  return finish_edit(method, *found, size);
}

Result<Item> FakeStore::make_copy(const FileId& source, const NewItem& item) {
  const Node* const from = find_node(source);
  if (from == nullptr) return not_found(source);
  const bool is_file = from->item.kind == ItemKind::kFile;
  if (!is_file && from->item.kind != ItemKind::kDocument) {
    return Error{ErrorCode::kUnsupported, "only files can be copied"};
  }
  if (!from->item.capabilities.can_download) return denied("This file cannot be copied.");
  DRIVEWAY_CHECK(check_name(item.name));
  FileId parent = item.parent;
  if (parent.empty()) parent = from->item.parent.value_or(root_);
  DRIVEWAY_TRY(const Node* const folder, new_parent(parent, false));
  DRIVEWAY_CHECK(check_new_id(item.id, from->item.kind));
  const Bytes size = from->content ? from->content->size() : 0;
  DRIVEWAY_CHECK(check_room(size, !folder->item.drive));
  Node made;
  made.made_here = true;
  made.item = fresh_item(item.name.empty() ? cat("Copy of ", from->item.name) : item.name,
                         from->item.mime_type, clock_.wall_now());
  made.item.id = item.id;
  made.item.properties = from->item.properties;
  DRIVEWAY_CHECK(merge(item.properties, made.item.properties));
  if (item.created) made.item.created = *item.created;
  if (item.modified) made.item.modified = *item.modified;
  made.exports = from->exports;
  if (is_file) {
    fill_content(made, *from->content);
    made.keep_head = item.keep_revision;
  } else {
    made.item.size = from->item.size;
  }
  const FileId id = add(std::move(made), parent);
  return finish_edit(Method::kCopy, nodes_.at(id), is_file ? std::optional(size) : std::nullopt);
}

Result<std::vector<FileId>> FakeStore::generate_ids(const Context& context, int count) {
  DRIVEWAY_CHECK(enter(context, {.method = Method::kGenerateIds}));
  if (count < 1 || count > kMostIds) return invalid("1 to 1,000 ids at a time");
  const std::lock_guard lock(mutex_);
  std::vector<FileId> ids;
  ids.reserve(static_cast<std::size_t>(count));
  while (ids.size() < static_cast<std::size_t>(count)) {
    ids.emplace_back(numbered("fake", next_id_++));
    given_ids_.insert(ids.back());
  }
  return answer<std::vector<FileId>>(Method::kGenerateIds, std::move(ids));
}

Result<Item> FakeStore::create(const Context& context, const NewItem& item,
                               ContentSource* content) {
  DRIVEWAY_CHECK(enter(context, {.method = Method::kCreate, .id = item.id}));
  std::optional<std::string> bytes;
  if (content != nullptr) {
    DRIVEWAY_TRY(bytes, receive_whole(context, Method::kCreate, *content));
  }
  const std::lock_guard lock(mutex_);
  return answer(Method::kCreate, make(Method::kCreate, item, std::move(bytes)));
}

Result<Item> FakeStore::update(const Context& context, const FileId& id, const ItemPatch& patch,
                               ContentSource* content) {
  DRIVEWAY_CHECK(enter(context, {.method = Method::kUpdate, .id = id}));
  std::optional<std::string> bytes;
  if (content != nullptr) {
    DRIVEWAY_TRY(bytes, receive_whole(context, Method::kUpdate, *content));
  }
  const std::lock_guard lock(mutex_);
  return answer(Method::kUpdate, change(Method::kUpdate, id, patch, std::move(bytes)));
}

Result<Item> FakeStore::copy(const Context& context, const FileId& source, const NewItem& item) {
  DRIVEWAY_CHECK(enter(context, {.method = Method::kCopy, .id = source}));
  const std::lock_guard lock(mutex_);
  return answer(Method::kCopy, make_copy(source, item));
}

Status FakeStore::remove(const Context& context, const FileId& id) {
  DRIVEWAY_CHECK(enter(context, {.method = Method::kRemove, .id = id}));
  const std::lock_guard lock(mutex_);
  DRIVEWAY_TRY(Node* const found, changeable(id));
  if (!found->item.owned_by_me) return denied("only the owner may do that");
  edits_.push_back(
      {Method::kRemove, found->item.id, found->item.name, found->item.parent, std::nullopt});
  remove_item(*found);
  return answer(Method::kRemove, Status());
}

}  // namespace driveway::drive
