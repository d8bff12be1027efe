#include "sim/lang/order_by.h"

#include <algorithm>
#include <compare>
#include <cstddef>
#include <iterator>
#include <optional>

#include "base/strings.h"

namespace driveway::sim {

namespace {

// In the order of SortKey.
constexpr std::string_view kNames[] = {"createdTime",    "folder",        "modifiedByMeTime",
                                       "modifiedTime",   "name",          "name_natural",
                                       "quotaBytesUsed", "recency",       "sharedWithMeTime",
                                       "starred",        "viewedByMeTime"};

std::optional<SortKey> key_named(std::string_view name) {
  const auto* found = std::find(std::begin(kNames), std::end(kNames), name);
  if (found == std::end(kNames)) return std::nullopt;
  return static_cast<SortKey>(found - std::begin(kNames));
}

char fold(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

template <typename T>
int three_way(const T& a, const T& b) {
  return a < b ? -1 : (b < a ? 1 : 0);
}

int compare_folded(std::string_view a, std::string_view b) {
  const std::size_t common = std::min(a.size(), b.size());
  for (std::size_t i = 0; i < common; ++i) {
    const auto left = static_cast<unsigned char>(fold(a[i]));
    const auto right = static_cast<unsigned char>(fold(b[i]));
    if (left != right) return left < right ? -1 : 1;
  }
  return three_way(a.size(), b.size());
}

int compare_names(std::string_view a, std::string_view b) {
  const int folded = compare_folded(a, b);
  return folded != 0 ? folded : three_way(a, b);
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// The run of digits at `at`, without leading zeros; moves behind it.
std::string_view take_digits(std::string_view text, std::size_t& at) {
  while (at + 1 < text.size() && text[at] == '0' && is_digit(text[at + 1])) ++at;
  const std::size_t from = at;
  while (at < text.size() && is_digit(text[at])) ++at;
  return text.substr(from, at - from);
}

int compare_key(SortKey key, const SortView& a, const SortView& b) {
  switch (key) {
    case SortKey::kCreatedTime:
      return three_way(a.created(), b.created());
    case SortKey::kFolder:
      return three_way(b.folder(), a.folder());
    case SortKey::kModifiedByMeTime:
      return three_way(a.modified_by_me(), b.modified_by_me());
    case SortKey::kModifiedTime:
      return three_way(a.modified(), b.modified());
    case SortKey::kName:
      return compare_names(a.name(), b.name());
    case SortKey::kNameNatural:
      return compare_natural(a.name(), b.name());
    case SortKey::kQuotaBytesUsed:
      return three_way(a.quota_bytes_used(), b.quota_bytes_used());
    case SortKey::kRecency:
      return three_way(a.recency(), b.recency());
    case SortKey::kSharedWithMeTime:
      return three_way(a.shared_with_me(), b.shared_with_me());
    case SortKey::kStarred:
      return three_way(b.starred(), a.starred());
    case SortKey::kViewedByMeTime:
      return three_way(a.viewed_by_me(), b.viewed_by_me());
  }
  return 0;
}

// "name" or "name desc".
std::optional<OrderBy::Part> part_of(std::string_view text) {
  text = trim(text);
  const std::size_t blank = text.find(' ');
  const auto key = key_named(text.substr(0, blank));
  if (!key) return std::nullopt;
  if (blank == std::string_view::npos) return OrderBy::Part{*key, false};
  if (trim(text.substr(blank)) != "desc") return std::nullopt;
  return OrderBy::Part{*key, true};
}

bool same_key(SortKey a, SortKey b) {
  const auto plain = [](SortKey key) {
    return key == SortKey::kNameNatural ? SortKey::kName : key;
  };
  return plain(a) == plain(b);
}

}  // namespace

ApiResult<OrderBy> OrderBy::parse(std::string_view text) {
  OrderBy order;
  if (trim(text).empty()) return order;
  for (const std::string_view entry : split(text, ',')) {
    const auto part = part_of(entry);
    if (!part) return errors::invalid_value("orderBy");
    order.parts_.push_back(*part);
  }
  for (std::size_t i = 0; i < order.parts_.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      if (!same_key(order.parts_[i].key, order.parts_[j].key)) continue;
      ApiError error;
      error.http = 403;
      error.reason = "orderByContainsDuplicateSortKeys";
      error.message = "The orderBy parameter cannot contain duplicate sort keys.";
      return error;
    }
  }
  for (std::size_t i = 1; i < order.parts_.size(); ++i) {
    if (order.parts_[i].key == SortKey::kStarred) return errors::internal();
  }
  return order;
}

int OrderBy::compare(const SortView& a, const SortView& b) const {
  for (const Part& part : parts_) {
    const int order = compare_key(part.key, a, b);
    if (order != 0) return part.descending ? -order : order;
  }
  return 0;
}

int compare_natural(std::string_view a, std::string_view b) {
  std::size_t i = 0;
  std::size_t j = 0;
  while (i < a.size() && j < b.size()) {
    if (is_digit(a[i]) && is_digit(b[j])) {
      const std::string_view left = take_digits(a, i);
      const std::string_view right = take_digits(b, j);
      if (left.size() != right.size()) return left.size() < right.size() ? -1 : 1;
      if (left != right) return left < right ? -1 : 1;
      continue;
    }
    const auto left = static_cast<unsigned char>(fold(a[i++]));
    const auto right = static_cast<unsigned char>(fold(b[j++]));
    if (left != right) return left < right ? -1 : 1;
  }
  const int rest = three_way(a.size() - i, b.size() - j);
  return rest != 0 ? rest : three_way(a, b);
}

}  // namespace driveway::sim
