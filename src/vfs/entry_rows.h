// From nodes to rows of the journal, and what may be done to them. Private to vfs/.
#pragma once

#include <sys/types.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "drive/item.h"
#include "journal/change_set.h"
#include "tree/node.h"
#include "tree/tree.h"
#include "vfs/view.h"

namespace driveway::vfs {

// The item that a name stands for: the shortcut itself, where it is one. Null: none (the fixed
// folders).
const drive::Item* own_item(const tree::Node& node);

// What ChangeSet::know() is told of what Drive has.
struct KnownRow {
  InodeId inode;
  journal::NewEntry entry;
  journal::Known known;

  void tell(journal::ChangeSet& set) const { set.know(inode, entry, known); }
};
// REQUIRES a node with an item. Of a node that is shown as its row says it is not used: that has a
// row.
KnownRow known_row(const tree::Node& node);
// The folders from `folder` up that have no row yet, as far as another client can remove them: so
// that the journal hears of it (J10).
Result<std::vector<KnownRow>> folder_rows(const View& view, const journal::Journal& journal,
                                          InodeId folder);

// A fixed folder, or the top of a shared drive: its name is not a name in Drive's folders.
bool is_fixed_place(const tree::Node& node);
// Errors: kPermissionDenied (what it is, or the account, does not allow it).
Status check_can_edit(const tree::Node& node);
Status check_can_add(const tree::Node& folder);

// Properties to be set (nothing: removed).
using Properties = std::map<std::string, std::optional<std::string>>;
// Those with which `item` is shown with this mode, or owner: none where it is so without.
void want_mode(const drive::Item& item, const tree::TreeOptions& options, mode_t mode,
               Properties& properties);
void want_owner(const drive::Item& item, const tree::TreeOptions& options, std::optional<uid_t> uid,
                std::optional<gid_t> gid, Properties& properties);
// Whether Drive can hold them beside those that the item has (E3). Errors: kTooLarge, kUnsupported
// (not UTF-8).
Status check_properties(const drive::Item& item, const Properties& properties);

// Both rows, the later ones winning.
void add_rows(journal::Rows& rows, journal::Rows more);

// What `inode`, of which Drive need not know, is called where another one of its folder has the
// name `base`, as shown.
std::string name_of_twin(std::string_view base, InodeId inode, int attempt = 0);

}  // namespace driveway::vfs
