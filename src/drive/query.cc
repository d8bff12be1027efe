#include "drive/query.h"

#include "base/strings.h"

namespace driveway::drive {

std::string quote(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') out += '\\';
    out += c;
  }
  return out += '\'';
}

Result<std::string> search_query(const ListQuery& query) {
  switch (query.scope) {
    case ListQuery::Scope::kSharedWithMe:
      return std::string("sharedWithMe = true and trashed = false");
    case ListQuery::Scope::kTrashed:
      return std::string("trashed = true");
    case ListQuery::Scope::kWithoutFolder:
      return std::string("'me' in owners and trashed = false");
    case ListQuery::Scope::kChildren:
      break;
  }
  if (query.parents.empty() || query.parents.size() > kMostParents) {
    return Error{ErrorCode::kInvalidArgument, cat("a listing takes 1 to ", kMostParents,
                                                  " parents, not ", query.parents.size())};
  }
  std::string q = "(";
  for (const FileId& parent : query.parents) {
    if (parent.empty()) return Error{ErrorCode::kInvalidArgument, "a parent without an id"};
    if (q.size() > 1) q += " or ";
    q += cat(quote(parent.value()), " in parents");
  }
  q += ") and trashed = false";
  if (!query.name.empty()) q += cat(" and name = ", quote(query.name));
  return q;
}

Result<Parameters> list_parameters(const ListQuery& query, const std::string& page_token) {
  DRIVEWAY_TRY(std::string q, search_query(query));
  Parameters parameters = {
      {"q", std::move(q)},
      {"pageSize", std::to_string(kPageSize)},
      {"fields", cat("nextPageToken,incompleteSearch,files(", kItemFields, ")")},
      {"includeItemsFromAllDrives", "true"},
      {"supportsAllDrives", "true"},
      {"prettyPrint", "false"}};
  if (query.drive) {
    parameters.emplace_back("corpora", "drive");
    parameters.emplace_back("driveId", query.drive->value());
  }
  if (!page_token.empty()) parameters.emplace_back("pageToken", page_token);
  return parameters;
}

Parameters changes_parameters(const Feed& feed, const std::string& page_token) {
  Parameters parameters = {
      {"pageToken", page_token},
      {"pageSize", std::to_string(kPageSize)},
      {"fields", cat("nextPageToken,newStartPageToken,changes(changeType,fileId,removed,driveId,"
                     "file(",
                     kItemFields, "))")},
      {"includeRemoved", "true"},
      {"includeItemsFromAllDrives", "true"},
      {"supportsAllDrives", "true"},
      {"prettyPrint", "false"}};
  if (feed.drive) {
    parameters.emplace_back("driveId", feed.drive->value());
  } else {
    // Else an item that moves to a shared drive would leave the account's feed without a word.
    parameters.emplace_back("includeCorpusRemovals", "true");
  }
  return parameters;
}

bool belongs(const ListQuery& query, const Item& item) {
  switch (query.scope) {
    case ListQuery::Scope::kChildren:
      return !item.trashed && (query.name.empty() || item.name == query.name);
    case ListQuery::Scope::kSharedWithMe:
      return !item.trashed;
    case ListQuery::Scope::kTrashed:
      return item.explicitly_trashed && item.drive == query.drive &&
             (item.drive || item.owned_by_me);
    case ListQuery::Scope::kWithoutFolder:
      return !item.parent && item.owned_by_me && !item.drive && !item.trashed;
  }
  return false;
}

}  // namespace driveway::drive
