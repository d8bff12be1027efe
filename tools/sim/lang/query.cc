// What a query says of an item, and what it says of itself.
#include "sim/lang/query.h"

#include <algorithm>
#include <functional>

#include "base/strings.h"
#include "sim/lang/query_terms.h"

namespace driveway::sim {

namespace {

using enum QueryOperator;

char fold(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool contains_folded(std::string_view text, std::string_view part) {
  return std::search(text.begin(), text.end(), part.begin(), part.end(),
                     [](char a, char b) { return fold(a) == fold(b); }) != text.end() ||
         part.empty();
}

bool is_word_byte(char c) {
  const char folded = fold(c);
  return (folded >= 'a' && folded <= 'z') || (c >= '0' && c <= '9') ||
         static_cast<unsigned char>(c) >= 0x80;
}

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  bool inside = false;
  for (const char c : text) {
    if (!is_word_byte(c)) {
      inside = false;
      continue;
    }
    if (!inside) words.emplace_back();
    inside = true;
    words.back() += fold(c);
  }
  return words;
}

template <typename T>
bool ordered(QueryOperator op, const T& left, const T& right) {
  switch (op) {
    case kEqual:
      return left == right;
    case kNotEqual:
      return left != right;
    case kLess:
      return left < right;
    case kLessOrEqual:
      return left <= right;
    case kGreater:
      return left > right;
    case kGreaterOrEqual:
      return left >= right;
    default:
      return false;
  }
}

bool same_flag(const Comparison& c, bool value) { return (c.op == kEqual) == (value == c.flag); }

bool same_text(const Comparison& c, std::string_view value) {
  return (c.op == kEqual) == (value == c.text);
}

bool name_matches(const Comparison& c, std::string_view name) {
  if (c.op == kContains) return contains_token_prefix(name, c.text);
  return (c.op == kEqual) == equals_ignoring_case(name, c.text);
}

// An item that was never viewed is neither before nor after anything, only different.
bool time_matches(const Comparison& c, std::optional<std::int64_t> time) {
  return time ? ordered(c.op, *time, c.number) : c.op == kNotEqual;
}

bool mime_matches(const Comparison& c, std::string_view mime) {
  return c.op == kContains ? contains_folded(mime, c.text) : same_text(c, mime);
}

bool holds(const Comparison& c, const ItemView& item) {
  switch (c.term) {
    case QueryTerm::kName:
      return name_matches(c, item.name());
    case QueryTerm::kFullText:
      return item.full_text_contains(c.text);
    case QueryTerm::kMimeType:
      return mime_matches(c, item.mime_type());
    case QueryTerm::kModifiedTime:
      return time_matches(c, item.modified());
    case QueryTerm::kViewedByMeTime:
      return time_matches(c, item.viewed_by_me());
    case QueryTerm::kCreatedTime:
      return time_matches(c, item.created());
    case QueryTerm::kTrashed:
      return same_flag(c, item.trashed());
    case QueryTerm::kStarred:
      return same_flag(c, item.starred());
    case QueryTerm::kParents:
      return item.has_parent(c.text);
    case QueryTerm::kOwners:
      return item.has_owner(c.text);
    case QueryTerm::kWriters:
      return item.has_writer(c.text);
    case QueryTerm::kReaders:
      return item.has_reader(c.text);
    case QueryTerm::kSharedWithMe:
      return same_flag(c, item.shared_with_me());
    case QueryTerm::kProperties:
      return item.has_property(c.key, c.text);
    case QueryTerm::kAppProperties:
      return item.has_app_property(c.key, c.text);
    case QueryTerm::kVisibility:
      return same_text(c, item.visibility());
    case QueryTerm::kShortcutTarget:
      return same_text(c, item.shortcut_target());
    case QueryTerm::kLabels:
      return item.has_label(c.text);
    default:
      return false;
  }
}

bool holds(const Comparison& c, const DriveView& drive) {
  switch (c.term) {
    case QueryTerm::kName:
      return name_matches(c, drive.name());
    case QueryTerm::kCreatedTime:
      return ordered(c.op, drive.created(), c.number);
    case QueryTerm::kHidden:
      return same_flag(c, drive.hidden());
    case QueryTerm::kMemberCount:
      return ordered(c.op, drive.member_count(), c.number);
    case QueryTerm::kOrganizerCount:
      return ordered(c.op, drive.organizer_count(), c.number);
    case QueryTerm::kOrgUnitId:
      return same_text(c, drive.org_unit_id());
    default:
      return false;
  }
}

template <typename View>
bool holds(const QueryExpr& expr, const View& view) {
  const auto child_holds = [&](const QueryExpr& child) { return holds(child, view); };
  switch (expr.kind) {
    case QueryExpr::Kind::kComparison:
      return holds(expr.comparison, view);
    case QueryExpr::Kind::kAnd:
      return std::ranges::all_of(expr.children, child_holds);
    case QueryExpr::Kind::kOr:
      return std::ranges::any_of(expr.children, child_holds);
    case QueryExpr::Kind::kNot:
      return !holds(expr.children.front(), view);
  }
  return false;
}

void add_once(std::vector<std::string>& list, const std::string& text) {
  if (std::ranges::find(list, text) == list.end()) list.push_back(text);
}

using Parents = std::optional<std::vector<std::string>>;

Parents bound_parents(const QueryExpr& expr) {
  if (expr.kind == QueryExpr::Kind::kComparison) {
    if (expr.comparison.term != QueryTerm::kParents) return std::nullopt;
    return std::vector<std::string>{expr.comparison.text};
  }
  if (expr.kind == QueryExpr::Kind::kNot) return std::nullopt;
  const bool conjunction = expr.kind == QueryExpr::Kind::kAnd;
  Parents bound;
  for (const QueryExpr& child : expr.children) {
    Parents inner = bound_parents(child);
    if (!inner) {
      if (conjunction) continue;
      return std::nullopt;  // one branch is free
    }
    if (!bound) {
      bound = std::move(inner);
    } else if (conjunction) {
      if (inner->size() < bound->size()) bound = std::move(inner);
    } else {
      for (const std::string& id : *inner) add_once(*bound, id);
    }
  }
  return bound;
}

void visit(const QueryExpr& expr, const std::function<void(const Comparison&)>& visitor) {
  if (expr.kind == QueryExpr::Kind::kComparison) visitor(expr.comparison);
  for (const QueryExpr& child : expr.children) visit(child, visitor);
}

// The comparison that `wanted` accepts and that stands alone or in a row of `and`s.
const Comparison* find_required(const QueryExpr& expr, bool (*wanted)(const Comparison&)) {
  if (expr.kind == QueryExpr::Kind::kComparison) {
    return wanted(expr.comparison) ? &expr.comparison : nullptr;
  }
  if (expr.kind != QueryExpr::Kind::kAnd) return nullptr;
  for (const QueryExpr& child : expr.children) {
    if (const Comparison* found = find_required(child, wanted)) return found;
  }
  return nullptr;
}

}  // namespace

bool contains_token_prefix(std::string_view name, std::string_view text) {
  const std::vector<std::string> wanted = words_of(text);
  if (wanted.empty()) return contains_folded(name, text);
  const std::vector<std::string> words = words_of(name);
  for (std::size_t at = 0; at + wanted.size() <= words.size(); ++at) {
    std::size_t same = 0;
    while (same + 1 < wanted.size() && words[at + same] == wanted[same]) ++same;
    if (same + 1 == wanted.size() && words[at + same].starts_with(wanted[same])) return true;
  }
  return false;
}

bool Query::matches(const ItemView& item) const { return !root_ || holds(*root_, item); }

bool Query::matches(const DriveView& drive) const { return !root_ || holds(*root_, drive); }

std::optional<std::vector<std::string>> Query::required_parents() const {
  return root_ ? bound_parents(*root_) : std::nullopt;
}

std::vector<std::string> Query::mentioned_parents() const {
  std::vector<std::string> parents;
  if (!root_) return parents;
  visit(*root_, [&](const Comparison& c) {
    if (c.term == QueryTerm::kParents) add_once(parents, c.text);
  });
  return parents;
}

std::optional<std::string> Query::required_name() const {
  if (!root_) return std::nullopt;
  const Comparison* found = find_required(
      *root_, [](const Comparison& c) { return c.term == QueryTerm::kName && c.op == kEqual; });
  if (found == nullptr) return std::nullopt;
  return found->text;
}

bool Query::mentions(QueryTerm term) const {
  bool found = false;
  if (root_) visit(*root_, [&](const Comparison& c) { found = found || c.term == term; });
  return found;
}

bool Query::requires_shared_with_me() const {
  return root_ && find_required(*root_, [](const Comparison& c) {
                    return c.term == QueryTerm::kSharedWithMe && c.flag == (c.op == kEqual);
                  }) != nullptr;
}

}  // namespace driveway::sim
