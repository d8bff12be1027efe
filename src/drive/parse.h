// Drive's JSON answers as typed values (drive-api reference 2, 3.3, 6, 8.6, 8.7).
//
// Private to drive/. Outside bytes: absent, null and odd fields are read as absent; int64 is taken
// from a string or a number; unknown fields are skipped at any depth. Errors: kCorrupt (retryable),
// for what is not JSON, not of the expected shape, or lacks what nothing can be done without (an
// item's id, a page's token). Nothing here throws; functions are pure and thread-safe.
//
// Items, listings and changes are read in one pass without a document tree: a page of 1,000 items
// is 0.75–1 MB, and listings come at 20 and more a second. Measured on a busy 2-core VM: 215 such
// pages a second and core, the Item values included (a document tree alone takes longer: 180).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "drive/edit.h"
#include "drive/item.h"

namespace driveway::drive {

// kCorrupt, retryable; `what` was expected.
Error not_understood(std::string_view what);

Result<Item> parse_item(std::string_view json);
Result<ItemPage> parse_item_page(std::string_view json);
// A change that is neither removed nor has an item, although it is of a file, is possible here:
// Drive sent none.
Result<ChangePage> parse_change_page(std::string_view json);

Result<About> parse_about(std::string_view json);  // without `root`
Result<FileId> parse_file_id(std::string_view json);
Result<std::string> parse_start_page_token(std::string_view json);

struct SharedDrivePage {
  std::vector<SharedDrive> drives;
  std::string next_page_token;
};
Result<SharedDrivePage> parse_shared_drive_page(std::string_view json);

Result<std::vector<FileId>> parse_generated_ids(std::string_view json);
Result<RevisionInfo> parse_revision(std::string_view json);
struct RevisionPage {
  std::vector<RevisionInfo> revisions;  // in Drive's order: the oldest first
  std::string next_page_token;
};
Result<RevisionPage> parse_revision_page(std::string_view json);

}  // namespace driveway::drive
