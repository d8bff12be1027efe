// Requests as URLs: the `q` language, field masks, parameters (drive-api reference 1.4, 1.5, 3).
// Private to drive/. Pure, thread-safe.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "drive/remote_store.h"

namespace driveway::drive {

using Parameters = std::vector<std::pair<std::string, std::string>>;

inline constexpr std::size_t kMostParents = 50;  // of one query (reference 3.4)
inline constexpr int kPageSize = 1000;           // the largest there is (reference 1.4)

// What is asked of each item, all that Item holds and no more.
inline constexpr std::string_view kItemFields =
    "id,name,mimeType,parents,driveId,size,md5Checksum,sha1Checksum,sha256Checksum,headRevisionId,"
    "version,createdTime,modifiedTime,trashed,explicitlyTrashed,ownedByMe,"
    "shortcutDetails(targetId,targetMimeType,targetResourceKey),"
    "capabilities(canDownload,canEdit,canAddChildren),resourceKey,webViewLink,properties,"
    "appProperties";

// A string in single quotes, as `q` wants it (reference 3.1).
std::string quoted(std::string_view text);

// The `q` of a listing. Errors: kInvalidArgument (no parents, or too many).
Result<std::string> search_query(const ListQuery& query);
// All parameters of a listing. Errors: as search_query.
Result<Parameters> list_parameters(const ListQuery& query, const std::string& page_token);
Parameters changes_parameters(const Feed& feed, const std::string& page_token);

// Whether an item that Drive listed belongs to the query: what is in a folder is listed with what
// is in none, `name =` folds ASCII case (reference 1.10), `trashed` is also true below a trashed
// folder, and the trash of My Drive may show items of shared drives (reference 1.4).
bool belongs(const ListQuery& query, const Item& item);

}  // namespace driveway::drive
