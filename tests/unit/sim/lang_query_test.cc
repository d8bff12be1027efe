#include <cstdint>
#include <iostream>
#include <map>
#include <random>
#include <set>
#include <string>

#include "base/clock.h"
#include "base/strings.h"
#include "gmock/gmock.h"
#include "sim/lang/query.h"
#include "sim/lang/query_terms.h"

namespace driveway::sim {
namespace {

using testing::ElementsAre;
using testing::UnorderedElementsAre;

struct FakeItem final : ItemView {
  std::string_view name() const override { return name_; }
  std::string_view mime_type() const override { return mime_; }
  bool trashed() const override { return trashed_; }
  bool starred() const override { return starred_; }
  bool has_parent(std::string_view id) const override {
    return id == parent_ || (id == "root" && parent_ == "0AROOT");
  }
  std::optional<std::int64_t> created() const override { return created_; }
  std::optional<std::int64_t> modified() const override { return modified_; }
  std::optional<std::int64_t> viewed_by_me() const override { return std::nullopt; }
  bool has_owner(std::string_view mail) const override { return mail == "ann@x"; }
  bool has_writer(std::string_view mail) const override { return mail == "ann@x" || mail == "me"; }
  bool has_reader(std::string_view mail) const override { return mail == "bob@x"; }
  bool shared_with_me() const override { return shared_; }
  bool has_property(std::string_view key, std::string_view value) const override {
    const auto found = properties_.find(key);
    return found != properties_.end() && found->second == value;
  }
  bool has_app_property(std::string_view, std::string_view) const override { return false; }
  std::string_view visibility() const override { return "limited"; }
  std::string_view shortcut_target() const override { return "1TARGET"; }
  bool has_label(std::string_view label) const override { return label == "labels/L"; }
  bool full_text_contains(std::string_view text) const override { return text == "hello"; }

  std::string name_ = "HelloWorld it's a\\b.txt";
  std::string mime_ = "image/png";
  std::string parent_ = "0AROOT";
  bool trashed_ = false;
  bool starred_ = true;
  bool shared_ = false;
  std::int64_t created_ = 1000;
  std::int64_t modified_ =
      parse_rfc3339("2026-06-04T12:00:00Z").value_or(WallTime()).time_since_epoch().count();
  std::map<std::string, std::string, std::less<>> properties_ = {{"k", "v'w"}};
};

struct FakeDrive final : DriveView {
  std::string_view name() const override { return "Team Red"; }
  std::int64_t created() const override { return 0; }
  bool hidden() const override { return true; }
  std::int64_t member_count() const override { return 3; }
  std::int64_t organizer_count() const override { return 1; }
  std::string_view org_unit_id() const override { return "ou"; }
};

struct QueryCase {
  const char* text;
  bool matches;
};

TEST(Query, MatchesAnItem) {
  constexpr QueryCase kCases[] = {
      {"", true},
      {"  ", true},
      {"name = 'helloworld IT\\'s a\\\\b.TXT'", true},
      {"name = 'hello'", false},
      {"name != 'hello'", true},
      {"name contains 'hello'", true},
      {"name contains 'HELLO'", true},
      {"name contains 'World'", false},
      {"name contains 'it\\'s a'", true},
      {"name contains 'txt'", true},
      {"fullText contains 'hello'", true},
      {"fullText contains 'other'", false},
      {"mimeType = 'image/png'", true},
      {"mimeType='image/png'", true},
      {"mimeType contains 'image/'", true},
      {"mimeType != 'image/png'", false},
      {"modifiedTime > '2026-06-04T11:59:59'", true},
      {"modifiedTime >= '2026-06-04T12:00:00.000Z'", true},
      {"modifiedTime = '2026-06-04T14:00:00+02:00'", true},
      {"modifiedTime < '2026-06-04T12:00:00'", false},
      {"modifiedTime <= '2026-06-04T12:00:00'", true},
      {"modifiedTime != '2026-06-04T12:00:00'", false},
      {"viewedByMeTime < '2030-01-01T00:00:00'", false},  // never viewed
      {"viewedByMeTime != '2030-01-01T00:00:00'", true},
      {"trashed = false", true},
      {"trashed=true", false},
      {"trashed != true", true},
      {"starred = true", true},
      {"'root' in parents", true},
      {"'0AROOT' in parents", true},
      {"'other' in parents", false},
      {"'ann@x' in owners", true},
      {"'me' in writers", true},
      {"'ann@x' in readers", false},
      {"sharedWithMe", false},
      {"not sharedWithMe", true},
      {"sharedWithMe = false", true},
      {"properties has { key='k' and value='v\\'w' }", true},
      {"properties has {key='k' and value='x'}", false},
      {"appProperties has { key='k' and value='v' }", false},
      {"visibility = 'limited'", true},
      {"shortcutDetails.targetId = '1TARGET'", true},
      {"shortcutDetails.targetId != '1TARGET'", false},
      {"'labels/L' in labels", true},
      {"name = 'x' and trashed = true or starred = true", true},  // `and` binds tighter
      {"starred = true or name = 'x' and trashed = true", true},  // also behind
      {"(starred = true or name = 'x') and trashed = true", false},
      {"not name = 'x' and starred = true", true},  // `not` binds tightest
      {"not (name = 'x' or starred = true)", false},
      {"not not starred = true", true},
      {"(('root' in parents) or ('B' in parents)) and trashed=false", true},
  };
  const FakeItem item;
  for (const QueryCase& c : kCases) {
    const auto query = Query::parse(c.text);
    ASSERT_TRUE(query.ok()) << c.text;
    EXPECT_EQ(query->matches(item), c.matches) << c.text;
  }
}

// 400 "Invalid Value" with location q (drive-api reference 1.8).
TEST(Query, RefusesWhatTheLanguageHasNot) {
  constexpr const char* kCases[] = {
      "nonsense",
      "name",
      "trashed",
      "name =",
      "name = hello",
      "name = \"hello\"",
      "name = 'open",
      "name = 'bad \\n escape'",
      "name < 'a'",
      "name in 'a'",
      "Name = 'a'",
      "title = 'a'",
      "trashed = 'true'",
      "trashed = yes",
      "trashed contains true",
      "fullText = 'a'",
      "'a' in name",
      "parents in 'a'",
      "parents = 'a'",
      "'a' in parents and",
      "and 'a' in parents",
      "'a' in parents 'b' in parents",
      "('a' in parents",
      "'a' in parents)",
      "()",
      "name = 'a' AND trashed = false",
      "name = 'a' && trashed = false",
      "modifiedTime > 'yesterday'",
      "modifiedTime contains '2026'",
      "properties has { key='k' }",
      "properties has { value='v' and key='k' }",
      "properties has { key='k' and value='v'",
      "visibility = 'everybody'",
      "memberCount > 3",
      "hidden = true",
      "not",
      "\xff",
  };
  for (const char* text : kCases) {
    const auto query = Query::parse(text);
    ASSERT_FALSE(query.ok()) << text;
    EXPECT_EQ(query.error().http, 400);
    EXPECT_EQ(query.error().reason, "invalid");
    EXPECT_EQ(query.error().message, "Invalid Value");
    EXPECT_EQ(query.error().location, "q");
  }
}

TEST(Query, ADeepOneIsRefusedNotARisk) {
  std::string text(100'000, '(');
  EXPECT_FALSE(Query::parse(text).ok());
  text.clear();
  for (int i = 0; i < 50'000; ++i) text += "not ";
  EXPECT_FALSE(Query::parse(text + "starred = true").ok());
}

TEST(Query, TooManyComparisonsAreTooComplex) {
  std::string text = "'p0' in parents";
  for (int i = 1; i < 100; ++i) text += cat(" or 'p", i, "' in parents");
  EXPECT_TRUE(Query::parse(text).ok());
  const auto refused = Query::parse(cat("(", text, ") and trashed = false"));
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().http, 400);
  EXPECT_EQ(refused.error().location, "q");
  EXPECT_EQ(refused.error().message, "The query is too complex");
}

TEST(Query, OfSharedDrives) {
  const FakeDrive drive;
  constexpr QueryCase kCases[] = {
      {"", true},
      {"name contains 'team'", true},
      {"name = 'team red'", true},
      {"hidden = false", false},
      {"memberCount >= 3 and organizerCount = 1", true},
      {"memberCount < 3", false},
      {"orgUnitId = 'ou'", true},
      {"createdTime < '2020-01-01T00:00:00'", true},
  };
  for (const QueryCase& c : kCases) {
    const auto query = Query::parse(c.text, Query::Language::kDrives);
    ASSERT_TRUE(query.ok()) << c.text;
    EXPECT_EQ(query->matches(drive), c.matches) << c.text;
  }
  EXPECT_FALSE(Query::parse("trashed = false", Query::Language::kDrives).ok());
  EXPECT_FALSE(Query::parse("memberCount = 'x'", Query::Language::kDrives).ok());
}

Query parsed(const char* text) {
  auto query = Query::parse(text);
  EXPECT_TRUE(query.ok()) << text;
  return *query;
}

TEST(Query, TellsWhichParentsItNeeds) {
  EXPECT_THAT(*parsed("'A' in parents").required_parents(), ElementsAre("A"));
  EXPECT_THAT(*parsed("('A' in parents or 'B' in parents or 'A' in parents) and trashed=false")
                   .required_parents(),
              UnorderedElementsAre("A", "B"));
  EXPECT_THAT(*parsed("'A' in parents and ('A' in parents or 'B' in parents)").required_parents(),
              ElementsAre("A"));
  EXPECT_FALSE(parsed("").required_parents());
  EXPECT_FALSE(parsed("not 'A' in parents").required_parents());
  EXPECT_FALSE(parsed("'A' in parents or starred = true").required_parents());
  EXPECT_FALSE(parsed("trashed = false").required_parents());
  EXPECT_THAT(parsed("not ('A' in parents or 'B' in parents)").mentioned_parents(),
              ElementsAre("A", "B"));
}

TEST(Query, TellsOfItself) {
  EXPECT_TRUE(parsed("fullText contains 'a' or trashed = true").references_full_text());
  EXPECT_FALSE(parsed("name contains 'a'").references_full_text());
  EXPECT_TRUE(parsed("not (starred=true and trashed=false)").mentions(QueryTerm::kTrashed));
  EXPECT_FALSE(parsed("").mentions(QueryTerm::kTrashed));
  EXPECT_EQ(parsed("name = 'a' and trashed=false").required_name(), "a");
  EXPECT_FALSE(parsed("name = 'a' or trashed=false").required_name());
  EXPECT_FALSE(parsed("name != 'a'").required_name());
  EXPECT_TRUE(parsed("trashed=false and sharedWithMe").requires_shared_with_me());
  EXPECT_FALSE(parsed("sharedWithMe = false").requires_shared_with_me());
  EXPECT_TRUE(parsed("sharedWithMe != false").requires_shared_with_me());
}

TEST(Query, ContainsIsATokenPrefix) {
  EXPECT_TRUE(contains_token_prefix("HelloWorld", "Hello"));
  EXPECT_TRUE(contains_token_prefix("HelloWorld", "helloW"));
  EXPECT_FALSE(contains_token_prefix("HelloWorld", "World"));
  EXPECT_TRUE(contains_token_prefix("Hello World", "wor"));
  EXPECT_TRUE(contains_token_prefix("Hello_World-2.txt", "world"));
  EXPECT_TRUE(contains_token_prefix("a quick fox", "quick f"));
  EXPECT_FALSE(contains_token_prefix("a quick fox", "qui fox"));
  EXPECT_FALSE(contains_token_prefix("a fox quick", "quick fox"));
  EXPECT_TRUE(contains_token_prefix("été 2026", "été"));
  EXPECT_FALSE(contains_token_prefix("ÉTÉ", "été"));  // folds ASCII only
  EXPECT_TRUE(contains_token_prefix("a_b", "_"));
  EXPECT_TRUE(contains_token_prefix("anything", ""));
}

// What is written plainly parses to the same tree, whatever the tree.
class RandomQuery {
 public:
  explicit RandomQuery(std::uint64_t seed) : random_(seed) {}

  QueryExpr expr(int depth) {
    const auto choice = depth == 0 ? 0 : pick(5);
    if (choice < 2) return {QueryExpr::Kind::kComparison, comparison(), {}};
    if (choice == 2) return {QueryExpr::Kind::kNot, {}, {expr(depth - 1)}};
    QueryExpr all{choice == 3 ? QueryExpr::Kind::kAnd : QueryExpr::Kind::kOr, {}, {}};
    for (std::uint64_t i = 0; i < 2 + pick(3); ++i) all.children.push_back(expr(depth - 1));
    return all;
  }

 private:
  std::uint64_t pick(std::uint64_t below) { return random_() % below; }
  std::string text() {
    constexpr std::string_view kPieces[] = {"a", "'", "\\", " ", "and", "(", "}", "é", "\n", "="};
    std::string out;
    for (std::uint64_t i = 0; i < pick(6); ++i) out += kPieces[pick(std::size(kPieces))];
    return out;
  }
  Comparison comparison() {
    Comparison c;
    c.term = static_cast<QueryTerm>(pick(static_cast<std::uint64_t>(QueryTerm::kLabels) + 1));
    const QueryTermTraits& traits = traits_of(c.term);
    do {
      c.op = static_cast<QueryOperator>(pick(9));
    } while (!traits.takes(c.op));
    switch (traits.value) {
      case QueryValue::kFlag:
        c.flag = pick(2) == 1;
        break;
      case QueryValue::kTime:
        c.number = static_cast<std::int64_t>(pick(2'000'000'000'000));
        c.text = format_rfc3339(WallTime(std::chrono::milliseconds(c.number)));
        break;
      case QueryValue::kVisibility:
        c.text = "domainWithLink";
        break;
      case QueryValue::kPair:
        c.key = text();
        [[fallthrough]];
      default:
        c.text = text();
    }
    return c;
  }

  std::mt19937_64 random_;
};

TEST(Query, RoundTripsAtRandom) {
  const std::uint64_t seed = std::random_device()();
  std::cout << "seed " << seed << "\n";
  RandomQuery random(seed);
  for (int i = 0; i < 500; ++i) {
    const QueryExpr expr = random.expr(4);
    const std::string text = query_text(expr);
    const auto parsed = Query::parse(text);
    ASSERT_TRUE(parsed.ok()) << "seed " << seed << ": " << text;
    EXPECT_EQ(parsed->root(), expr) << "seed " << seed << ": " << text;
    EXPECT_EQ(parsed->to_text(), text);
  }
}

}  // namespace
}  // namespace driveway::sim
