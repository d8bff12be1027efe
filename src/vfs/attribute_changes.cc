#include "vfs/attribute_changes.h"

#include <utility>

#include "base/strings.h"
#include "vfs/attributes.h"
#include "vfs/writable_file.h"

namespace driveway::vfs {
namespace {

Status check_may_change(const tree::Node& node) {
  DRIVEWAY_CHECK(check_can_edit(node));
  if (node.item && node.item->trashed && !node.unnamed) {
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

void apply(const Properties& properties, tree::Node& node) {
  if (!node.item) return;
  for (const auto& [key, value] : properties) {
    if (value) {
      node.item->properties[key] = *value;
    } else {
      node.item->properties.erase(key);
    }
  }
}

}  // namespace

// The node's own inode. In turn: nobody removes it in between. Errors: also kNotFound, where it has
// no name any more (its item may be another inode's, J6).
Status AttributeChanges::change(const Context& context, const tree::Node& node,
                                const journal::Attributes& attributes) {
  const auto turn = naming_.take_turn();
  DRIVEWAY_TRY(const tree::Node now, parts_.view.node(node.inode));
  if (now.unnamed) return Error{ErrorCode::kNotFound, "the file has no name any more"};
  const KnownRow row = known_row(now);
  return parts_.journal.change(context, journal::Purpose::kNew,
                               [&](journal::ChangeSet& set, WallTime time) {
                                 row.tell(set);
                                 return set.set_attributes(node.inode, attributes, time);
                               });
}

// As change(), and for who has it open, for whom this is all that there is once it has no name.
Result<std::optional<tree::Node>> AttributeChanges::change_open(
    const Context& context, const tree::Node& node, const journal::Attributes& attributes,
    const AttributeChange& change) {
  const Status changed = this->change(context, node, attributes);
  const bool has_no_name = changed.failed_with(ErrorCode::kNotFound);
  if (!has_no_name) DRIVEWAY_CHECK(changed);
  auto open = parts_.open_nodes.change(node.inode, [&](tree::Node& its) {
    apply(change, its);
    apply(attributes.properties, its);
  });
  if (!has_no_name) return std::optional<tree::Node>();
  if (!open) return changed.error();
  return open;
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
  DRIVEWAY_TRY(auto open, change_open(context, node, attributes, change));
  if (open) return *std::move(open);
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
  DRIVEWAY_TRY(const auto open, change_open(context, node, attributes, {}));
  if (open) return {};
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
  DRIVEWAY_TRY(const auto open, change_open(context, node, attributes, {}));
  if (open) return {};
  parts_.observers.attributes_changed(node.inode);
  return {};
}

}  // namespace driveway::vfs
