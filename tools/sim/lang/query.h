// The `q` language of files.list and drives.list (drive-api reference 3.1): text to a syntax tree,
// and whether an item matches it. Immutable once parsed: thread-safe.
//
//   expression := and ("or" and)*          and := unary ("and" unary)*       unary := "not"*
//   primary primary    := "(" expression ")" | term OPERATOR value | value "in" term
//               | map "has" "{" "key" "=" string "and" "value" "=" string "}" | "sharedWithMe"
//
// `and` binds tighter than `or`; Drive does not say which does (reference 3.1), and careful
// clients put parentheses. Key words, terms and true/false are as documented: lower case, and
// terms with their capitals. Strings stand in single quotes, with \' and \\ as the only escapes.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sim/lang/api_result.h"

namespace driveway::sim {

// What a query asks of a file. Times are ms since 1970; nothing where the item has none.
class ItemView {
 public:
  virtual ~ItemView() = default;
  virtual std::string_view name() const = 0;
  virtual std::string_view mime_type() const = 0;
  virtual bool trashed() const = 0;  // itself or an ancestor
  virtual bool starred() const = 0;
  virtual bool has_parent(std::string_view id) const = 0;  // resolves "root"
  virtual std::optional<std::int64_t> created() const = 0;
  virtual std::optional<std::int64_t> modified() const = 0;
  virtual std::optional<std::int64_t> viewed_by_me() const = 0;
  virtual bool has_owner(std::string_view mail) const = 0;  // resolves "me", in these three
  virtual bool has_writer(std::string_view mail) const = 0;
  virtual bool has_reader(std::string_view mail) const = 0;
  virtual bool shared_with_me() const = 0;
  virtual bool has_property(std::string_view key, std::string_view value) const = 0;
  virtual bool has_app_property(std::string_view key, std::string_view value) const = 0;
  // anyoneCanFind, anyoneWithLink, domainCanFind, domainWithLink, limited.
  virtual std::string_view visibility() const = 0;
  virtual std::string_view shortcut_target() const = 0;  // "" where it is none
  virtual bool has_label(std::string_view label) const = 0;
  // Whether the full-text index finds `text` in it.
  virtual bool full_text_contains(std::string_view text) const = 0;
};

// What drives.list's query asks of a shared drive.
class DriveView {
 public:
  virtual ~DriveView() = default;
  virtual std::string_view name() const = 0;
  virtual std::int64_t created() const = 0;  // ms since 1970
  virtual bool hidden() const = 0;
  virtual std::int64_t member_count() const = 0;
  virtual std::int64_t organizer_count() const = 0;
  virtual std::string_view org_unit_id() const = 0;
};

enum class QueryTerm : std::uint8_t {
  kName,
  kFullText,
  kMimeType,
  kModifiedTime,
  kViewedByMeTime,
  kCreatedTime,
  kTrashed,
  kStarred,
  kParents,
  kOwners,
  kWriters,
  kReaders,
  kSharedWithMe,
  kProperties,
  kAppProperties,
  kVisibility,
  kShortcutTarget,
  kLabels,
  kHidden,  // from here on: drives.list only (and kName, kCreatedTime)
  kMemberCount,
  kOrganizerCount,
  kOrgUnitId,
};

enum class QueryOperator : std::uint8_t {
  kEqual,
  kNotEqual,
  kLess,
  kLessOrEqual,
  kGreater,
  kGreaterOrEqual,
  kContains,
  kIn,
  kHas,
};

// One comparison; which of the values is set follows from the term.
struct Comparison {
  QueryTerm term = QueryTerm::kName;
  QueryOperator op = QueryOperator::kEqual;
  std::string text;         // strings, ids, mails; of a time: as it was written
  std::string key;          // of properties
  std::int64_t number = 0;  // ms of a time; a count
  bool flag = false;        // trashed, starred, sharedWithMe, hidden

  friend bool operator==(const Comparison&, const Comparison&) = default;
};

struct QueryExpr {
  enum class Kind : std::uint8_t { kComparison, kAnd, kOr, kNot };
  Kind kind = Kind::kComparison;
  Comparison comparison;            // of kComparison
  std::vector<QueryExpr> children;  // kAnd, kOr: two or more; kNot: one

  friend bool operator==(const QueryExpr&, const QueryExpr&) = default;
};

class Query {
 public:
  enum class Language { kFiles, kDrives };

  // An empty or blank text matches everything. Errors: 400 with location q: "Invalid Value", and
  // "The query is too complex" for more than 100 comparisons.
  static ApiResult<Query> parse(std::string_view text, Language language = Language::kFiles);
  // Matches everything.
  Query() = default;

  bool empty() const { return root_ == nullptr; }
  // REQUIRES: !empty().
  const QueryExpr& root() const { return *root_; }

  bool matches(const ItemView& item) const;    // REQUIRES: parsed as kFiles
  bool matches(const DriveView& drive) const;  // REQUIRES: parsed as kDrives

  // A set of ids (as written: "root" stays) of which every match has one as its parent, each id
  // once; nothing if the query does not bind the parent. So an index by parent can be used.
  std::optional<std::vector<std::string>> required_parents() const;
  // All ids that stand in `… in parents` anywhere, each once.
  std::vector<std::string> mentioned_parents() const;
  // The exact name (kEqual) that every match has but for ASCII case, if the query says so.
  std::optional<std::string> required_name() const;
  bool references_full_text() const { return mentions(QueryTerm::kFullText); }
  // Whether the term stands anywhere: a query that mentions `trashed` says itself what it wants.
  bool mentions(QueryTerm term) const;
  // Whether every match is shared with the user: an index of these items may be used.
  bool requires_shared_with_me() const;

  // The query in its plainest form: parsing it gives the same tree.
  std::string to_text() const;

 private:
  std::shared_ptr<const QueryExpr> root_;
};

// As Query::to_text, of a tree that is no query yet.
std::string query_text(const QueryExpr& expr);

// `contains` of a name: `text`'s words, ASCII case ignored, stand in `name` one after the other,
// the last one perhaps only begun ("HelloWorld" is found by "Hello", not by "World"). Words are
// runs of ASCII letters and digits and of all that is not ASCII. Without a word in it, `text` must
// stand in `name` as it is.
bool contains_token_prefix(std::string_view name, std::string_view text);

}  // namespace driveway::sim
