#include "sim/lang/query_terms.h"

#include <algorithm>
#include <initializer_list>
#include <iterator>

namespace driveway::sim {

namespace {

using enum QueryOperator;

constexpr std::uint32_t set_of(std::initializer_list<QueryOperator> operators) {
  std::uint32_t set = 0;
  for (const QueryOperator op : operators) set |= 1U << static_cast<unsigned>(op);
  return set;
}

constexpr std::uint32_t kSame = set_of({kEqual, kNotEqual});
constexpr std::uint32_t kFound = set_of({kContains});
constexpr std::uint32_t kText = kSame | kFound;
constexpr std::uint32_t kOrdered = kSame | set_of({kLess, kLessOrEqual, kGreater, kGreaterOrEqual});
constexpr std::uint32_t kMember = set_of({kIn});
constexpr std::uint32_t kPair = set_of({kHas});

// In the order of QueryTerm.
constexpr QueryTermTraits kTerms[] = {
    {QueryTerm::kName, "name", QueryValue::kText, kText, true, true},
    {QueryTerm::kFullText, "fullText", QueryValue::kText, kFound, true, false},
    {QueryTerm::kMimeType, "mimeType", QueryValue::kText, kText, true, false},
    {QueryTerm::kModifiedTime, "modifiedTime", QueryValue::kTime, kOrdered, true, false},
    {QueryTerm::kViewedByMeTime, "viewedByMeTime", QueryValue::kTime, kOrdered, true, false},
    {QueryTerm::kCreatedTime, "createdTime", QueryValue::kTime, kOrdered, true, true},
    {QueryTerm::kTrashed, "trashed", QueryValue::kFlag, kSame, true, false},
    {QueryTerm::kStarred, "starred", QueryValue::kFlag, kSame, true, false},
    {QueryTerm::kParents, "parents", QueryValue::kMember, kMember, true, false},
    {QueryTerm::kOwners, "owners", QueryValue::kMember, kMember, true, false},
    {QueryTerm::kWriters, "writers", QueryValue::kMember, kMember, true, false},
    {QueryTerm::kReaders, "readers", QueryValue::kMember, kMember, true, false},
    {QueryTerm::kSharedWithMe, "sharedWithMe", QueryValue::kFlag, kSame, true, false},
    {QueryTerm::kProperties, "properties", QueryValue::kPair, kPair, true, false},
    {QueryTerm::kAppProperties, "appProperties", QueryValue::kPair, kPair, true, false},
    {QueryTerm::kVisibility, "visibility", QueryValue::kVisibility, kSame, true, false},
    {QueryTerm::kShortcutTarget, "shortcutDetails.targetId", QueryValue::kText, kSame, true, false},
    {QueryTerm::kLabels, "labels", QueryValue::kMember, kMember, true, false},
    {QueryTerm::kHidden, "hidden", QueryValue::kFlag, kSame, false, true},
    {QueryTerm::kMemberCount, "memberCount", QueryValue::kCount, kOrdered, false, true},
    {QueryTerm::kOrganizerCount, "organizerCount", QueryValue::kCount, kOrdered, false, true},
    {QueryTerm::kOrgUnitId, "orgUnitId", QueryValue::kText, kSame, false, true},
};
static_assert(std::size(kTerms) == static_cast<std::size_t>(QueryTerm::kOrgUnitId) + 1);

}  // namespace

const QueryTermTraits& traits_of(QueryTerm term) { return kTerms[static_cast<std::size_t>(term)]; }

const QueryTermTraits* find_query_term(std::string_view name, Query::Language language) {
  const auto* found = std::find_if(std::begin(kTerms), std::end(kTerms), [&](const auto& term) {
    return term.name == name &&
           (language == Query::Language::kFiles ? term.in_files : term.in_drives);
  });
  return found == std::end(kTerms) ? nullptr : found;
}

std::string_view to_string(QueryOperator op) {
  switch (op) {
    case kEqual:
      return "=";
    case kNotEqual:
      return "!=";
    case kLess:
      return "<";
    case kLessOrEqual:
      return "<=";
    case kGreater:
      return ">";
    case kGreaterOrEqual:
      return ">=";
    case kContains:
      return "contains";
    case kIn:
      return "in";
    case kHas:
      return "has";
  }
  return "";
}

}  // namespace driveway::sim
