#include <algorithm>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "gmock/gmock.h"
#include "sim/lang/order_by.h"
#include "sim/lang/parameters.h"

namespace driveway::sim {
namespace {

using nlohmann::json;
using testing::ElementsAre;

RequestHead with(std::string name, std::string value) {
  RequestHead head;
  head.query = {{std::move(name), std::move(value)}, {"pageSize", "7"}};
  return head;
}

constexpr IntBounds kPage{100, 1, 1000};

TEST(Parameters, Integers) {
  EXPECT_EQ(*int_parameter(RequestHead{}, "pageSize", kPage), 100);
  EXPECT_EQ(*int_parameter(with("pageSize", "1000"), "pageSize", kPage), 1000);  // the first one
  for (const char* text : {"0", "-1", "1001"}) {
    const auto value = int_parameter(with("pageSize", text), "pageSize", kPage);
    ASSERT_FALSE(value.ok()) << text;
    EXPECT_EQ(json::parse(value.error().body())["error"],
              json({{"code", 400},
                    {"message", std::string("Invalid value '") + text +
                                    "'. Values must be within the range: [value: 1\n, value: "
                                    "1000\n]"},
                    {"errors",
                     {{{"message", value.error().message},
                       {"domain", "global"},
                       {"reason", "invalidParameter"},
                       {"location", "page_size"},
                       {"locationType", "parameter"}}}}}));
  }
  for (const char* text : {"abc", "2.0", "", "99999999999", "1 "}) {
    const auto value = int_parameter(with("pageSize", text), "pageSize", kPage);
    ASSERT_FALSE(value.ok()) << text;
    const std::string message =
        std::string("Invalid value at 'page_size' (TYPE_INT32), \"") + text + "\"";
    EXPECT_EQ(
        json::parse(value.error().body())["error"],
        json({{"code", 400},
              {"message", message},
              {"errors", {{{"message", message}, {"reason", "invalid"}}}},
              {"status", "INVALID_ARGUMENT"},
              {"details",
               {{{"@type", "type.googleapis.com/google.rpc.BadRequest"},
                 {"fieldViolations", {{{"field", "page_size"}, {"description", message}}}}}}}}));
  }
}

TEST(Parameters, Flags) {
  for (const char* text : {"true", "TRUE", "1", "t", "T", "y", "Yes"}) {
    const auto flag = flag_parameter(with("supportsAllDrives", text), "supportsAllDrives");
    ASSERT_TRUE(flag.ok()) << text;
    EXPECT_TRUE(flag->value);
    EXPECT_EQ(flag->literally_true, std::string(text) == "true");
  }
  for (const char* text : {"false", "False", "0", "f", "n", "NO"}) {
    const auto flag = flag_parameter(with("x", text), "x", true);
    ASSERT_TRUE(flag.ok()) << text;
    EXPECT_FALSE(flag->value);
  }
  for (const char* text : {"", "maybe", "2", "on"}) {
    const auto flag = flag_parameter(with("supportsAllDrives", text), "supportsAllDrives");
    ASSERT_FALSE(flag.ok()) << text;
    EXPECT_EQ(flag.error().message,
              std::string("Invalid value at 'supports_all_drives' (TYPE_BOOL), \"") + text + "\"");
  }
  EXPECT_TRUE(flag_parameter(RequestHead{}, "x", true)->value);
}

TEST(Parameters, CommonOnes) {
  EXPECT_TRUE(common_parameters(RequestHead{})->pretty_print);
  EXPECT_FALSE(common_parameters(with("prettyPrint", "false"))->pretty_print);
  EXPECT_TRUE(common_parameters(with("$.xgafv", "2")).ok());
  EXPECT_EQ(common_parameters(with("$.xgafv", "3")).error().http, 400);
  EXPECT_EQ(*alt_parameter(with("alt", "MEDIA")), Alt::kMedia);
  EXPECT_EQ(*alt_parameter(RequestHead{}), Alt::kJson);
  EXPECT_EQ(alt_parameter(with("alt", "xml")).error().http, 400);
  EXPECT_EQ(*required_text(with("mimeType", "a/b"), "mimeType"), "a/b");
  EXPECT_EQ(required_text(RequestHead{}, "mimeType").error().message,
            "Required parameter: mimeType");
  EXPECT_THAT(comma_list("a, b,,c "), ElementsAre("a", "b", "c"));
}

// What a request sent comes back in the body, whatever it was.
TEST(Errors, BodiesAreJsonWhateverWasAsked) {
  const json body = json::parse(errors::not_found("a\"\xff\n").body());
  EXPECT_EQ(body["error"]["errors"][0]["reason"], "notFound");
  EXPECT_TRUE(json::accept(invalid_type("x", "TYPE_BOOL", "\xfe\"").body()));
}

TEST(Errors, CapturedShapes) {
  const json scope = json::parse(errors::insufficient_scope("DriveFiles.List").body())["error"];
  EXPECT_EQ(scope["message"], "Request had insufficient authentication scopes.");
  EXPECT_EQ(scope["errors"], json({{{"message", "Insufficient Permission"},
                                    {"domain", "global"},
                                    {"reason", "insufficientPermissions"}}}));
  EXPECT_EQ(scope["details"][0]["metadata"]["method"], "google.apps.drive.v3.DriveFiles.List");
  const json token = json::parse(errors::invalid_credentials().body())["error"];
  EXPECT_EQ(token["code"], 401);
  EXPECT_EQ(token["status"], "UNAUTHENTICATED");
  EXPECT_EQ(token["errors"][0]["location"], "Authorization");
  const json media = json::parse(errors::invalid_credentials_media().body())["error"];
  EXPECT_EQ(media["message"], "Invalid Credentials");
  EXPECT_FALSE(media.contains("status"));
  // The two wordings that tell the daily cap from a rate (drive-api reference 1.9).
  EXPECT_EQ(errors::upload_cap().message, "User rate limit exceeded.");
  EXPECT_TRUE(errors::user_rate_limit().message.starts_with("User Rate Limit Exceeded"));
  EXPECT_EQ(errors::service_account_storage().domain, "usageLimits");
}

struct FakeSorted final : SortView {
  std::string name_;
  bool folder_ = false;
  bool starred_ = false;
  std::int64_t time_ = 0;
  std::string_view name() const override { return name_; }
  bool folder() const override { return folder_; }
  bool starred() const override { return starred_; }
  std::int64_t created() const override { return time_; }
  std::int64_t modified() const override { return time_; }
  std::int64_t modified_by_me() const override { return time_; }
  std::int64_t viewed_by_me() const override { return time_; }
  std::int64_t shared_with_me() const override { return time_; }
  std::int64_t recency() const override { return time_; }
  std::int64_t quota_bytes_used() const override { return time_; }
};

FakeSorted item(std::string name, bool folder = false, std::int64_t time = 0,
                bool starred = false) {
  FakeSorted made;
  made.name_ = std::move(name);
  made.folder_ = folder;
  made.time_ = time;
  made.starred_ = starred;
  return made;
}

std::vector<std::string> sorted(std::vector<FakeSorted> items, std::string_view order) {
  const auto by = OrderBy::parse(order);
  EXPECT_TRUE(by.ok()) << order;
  std::ranges::stable_sort(
      items, [&](const FakeSorted& a, const FakeSorted& b) { return by->compare(a, b) < 0; });
  std::vector<std::string> names;
  names.reserve(items.size());
  for (const FakeSorted& i : items) names.push_back(i.name_);
  return names;
}

TEST(OrderBy, Sorts) {
  EXPECT_THAT(sorted({item("b"), item("A"), item("c")}, "name"), ElementsAre("A", "b", "c"));
  EXPECT_THAT(sorted({item("b"), item("A"), item("c")}, "name desc"), ElementsAre("c", "b", "A"));
  EXPECT_THAT(sorted({item("f10"), item("f9"), item("f010b")}, "name_natural"),
              ElementsAre("f9", "f10", "f010b"));
  EXPECT_THAT(sorted({item("b"), item("z", true), item("a"), item("y", true)}, "folder,name"),
              ElementsAre("y", "z", "a", "b"));
  EXPECT_THAT(sorted({item("a", false, 1), item("b", false, 3), item("c", false, 2)},
                     "modifiedTime desc , name"),
              ElementsAre("b", "c", "a"));
  EXPECT_THAT(sorted({item("a"), item("b", false, 0, true)}, "starred,name"),
              ElementsAre("b", "a"));
  EXPECT_THAT(sorted({item("b"), item("a")}, ""), ElementsAre("b", "a"));
}

// drive-api reference 1.10.
TEST(OrderBy, Refuses) {
  for (const char* text : {"nonsense", "name asc", "name desc x", "name,,folder", "Name"}) {
    ASSERT_FALSE(OrderBy::parse(text).ok()) << text;
    EXPECT_EQ(OrderBy::parse(text).error().http, 400) << text;
    EXPECT_EQ(OrderBy::parse(text).error().location, "orderBy") << text;
  }
  for (const char* text : {"name,name", "name,folder,name_natural desc", "starred,starred"}) {
    ASSERT_FALSE(OrderBy::parse(text).ok()) << text;
    EXPECT_EQ(OrderBy::parse(text).error().http, 403) << text;
    EXPECT_EQ(OrderBy::parse(text).error().reason, "orderByContainsDuplicateSortKeys") << text;
  }
  ASSERT_FALSE(OrderBy::parse("name,starred").ok());
  EXPECT_EQ(OrderBy::parse("name,starred").error().http, 500);
}

}  // namespace
}  // namespace driveway::sim
