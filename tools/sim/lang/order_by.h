// `orderBy` of files.list (drive-api reference 3.2, 1.10). Immutable once parsed: thread-safe.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "sim/lang/api_result.h"

namespace driveway::sim {

// What sorting asks of a file. Times are ms since 1970; 0 where the item has none.
class SortView {
 public:
  virtual ~SortView() = default;
  virtual std::string_view name() const = 0;
  virtual bool folder() const = 0;
  virtual bool starred() const = 0;
  virtual std::int64_t created() const = 0;
  virtual std::int64_t modified() const = 0;
  virtual std::int64_t modified_by_me() const = 0;
  virtual std::int64_t viewed_by_me() const = 0;
  virtual std::int64_t shared_with_me() const = 0;
  virtual std::int64_t recency() const = 0;  // the latest of the item's times
  virtual std::int64_t quota_bytes_used() const = 0;
};

enum class SortKey : std::uint8_t {
  kCreatedTime,
  kFolder,
  kModifiedByMeTime,
  kModifiedTime,
  kName,
  kNameNatural,
  kQuotaBytesUsed,
  kRecency,
  kSharedWithMeTime,
  kStarred,
  kViewedByMeTime,
};

class OrderBy {
 public:
  struct Part {
    SortKey key;
    bool descending = false;
  };

  // An empty or blank text sorts by nothing. Errors: 400 invalid, location orderBy (unknown key);
  // 403 orderByContainsDuplicateSortKeys (`name` and `name_natural` count as one); 500
  // internalError (`starred` behind another key).
  static ApiResult<OrderBy> parse(std::string_view text);
  OrderBy() = default;

  bool empty() const { return parts_.empty(); }
  const std::vector<Part>& parts() const { return parts_; }
  // <0, 0, >0. Folders come first, starred items come first; names compare without ASCII case,
  // then as bytes. For std::stable_sort: compare(a, b) < 0.
  int compare(const SortView& a, const SortView& b) const;

 private:
  std::vector<Part> parts_;
};

// Runs of digits by their value, the rest without ASCII case.
int compare_natural(std::string_view a, std::string_view b);

}  // namespace driveway::sim
