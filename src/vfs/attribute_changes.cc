#include "vfs/attribute_changes.h"

#include <utility>

#include "base/strings.h"
#include "vfs/attributes.h"
#include "vfs/writable_file.h"

namespace driveway::vfs {
namespace {

Status check_may_change(const tree::Node& node) {
  DRIVEWAY_CHECK(check_can_edit(node));
  if (node.item && node.item->trashed) {
    return Error{ErrorCode::kPermissionDenied, cat("\"", node.item->name, "\" is in the trash")};
  }
  return {};
}

void apply(const AttributeChange& change, tree::Node& node) {
  if (change.mode) node.mode = (node.mode & ~mode_t{07777}) | (*change.mode & 07777);
  if (change.uid) node.uid = *change.uid;
  if (change.gid) node.gid = *change.gid;
  if (change.modified) node.modified = *change.modified;
}

}  // namespace

// The node's own inode. In turn: nobody removes it in between.
Status AttributeChanges::change(const Context& context, const tree::Node& node,
                                const journal::Attributes& attributes) {
  const auto turn = naming_.take_turn();
  DRIVEWAY_TRY(const tree::Node now, parts_.view.node(node.inode));
  const KnownRow row = known_row(now);
  return parts_.journal.change(context, journal::Purpose::kNew,
                               [&](journal::ChangeSet& set, WallTime time) {
                                 row.tell(set);
                                 return set.set_attributes(node.inode, attributes, time);
                               });
}

Result<tree::Node> AttributeChanges::set(const Context& context, const tree::Node& node,
                                         const AttributeChange& change) {
  DRIVEWAY_CHECK(check_may_change(node));
  journal::Attributes attributes;
  attributes.modified = change.modified;
  const drive::Item& item = *node.item;
  const tree::TreeOptions& options = parts_.tree.options();
  if (change.mode && node.kind != tree::NodeKind::kSymlink) {
    want_mode(item, options, *change.mode, attributes.properties);
  }
  want_owner(item, options, change.uid, change.gid, attributes.properties);
  if (!attributes.modified && attributes.properties.empty()) return node;
  DRIVEWAY_CHECK(check_properties(item, attributes.properties));
  if (change.modified) {
    if (const auto draft = parts_.drafts.find(node.inode)) draft->set_modified(*change.modified);
  }
  const Status changed = this->change(context, node, attributes);
  const bool has_no_name = changed.failed_with(ErrorCode::kNotFound);
  if (!has_no_name) DRIVEWAY_CHECK(changed);
  // Also for later, when it may have lost its name.
  auto open = parts_.open_nodes.change(node.inode, [&](tree::Node& its) { apply(change, its); });
  if (has_no_name) {
    if (open) return *std::move(open);
    return changed.error();
  }
  parts_.observers.attributes_changed(node.inode);
  return parts_.view.node(node.inode);
}

Status AttributeChanges::set_extended(const Context& context, const tree::Node& node,
                                      std::string_view name, std::string_view value,
                                      AttributeMode mode) {
  DRIVEWAY_CHECK(check_may_change(node));
  DRIVEWAY_TRY(const std::string key, attribute_key(name));
  const bool exists = users_attribute(*node.item, name).has_value();
  if (mode == AttributeMode::kCreate && exists) {
    return Error{ErrorCode::kAlreadyExists, cat("the attribute ", name, " is there already")};
  }
  if (mode == AttributeMode::kReplace && !exists) {
    return Error{ErrorCode::kNotFound, cat("no attribute ", name)};
  }
  journal::Attributes attributes;
  attributes.properties[key] = std::string(value);
  DRIVEWAY_CHECK(check_properties(*node.item, attributes.properties));
  DRIVEWAY_CHECK(change(context, node, attributes));
  parts_.observers.attributes_changed(node.inode);
  return {};
}

Status AttributeChanges::remove_extended(const Context& context, const tree::Node& node,
                                         std::string_view name) {
  DRIVEWAY_CHECK(check_may_change(node));
  DRIVEWAY_TRY(const std::string key, attribute_key(name));
  if (!users_attribute(*node.item, name)) {
    return Error{ErrorCode::kNotFound, cat("no attribute ", name)};
  }
  if (node.item->app_properties.contains(key)) {
    // It would show through again.
    return Error{ErrorCode::kPermissionDenied,
                 cat("the attribute ", name, " belongs to google-drive-ocamlfuse")};
  }
  journal::Attributes attributes;
  attributes.properties[key] = std::nullopt;
  DRIVEWAY_CHECK(change(context, node, attributes));
  parts_.observers.attributes_changed(node.inode);
  return {};
}

}  // namespace driveway::vfs
