#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "sim/net/traffic.h"

namespace driveway::sim {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::Not;

RequestRecord record(std::uint64_t number, std::string method, int status = 200) {
  RequestRecord out;
  out.request = number;
  out.connection = 3;
  out.method = std::move(method);
  out.http_method = "GET";
  out.target = "/drive/v3/files";
  out.status = status;
  out.bytes_in = 1;
  out.bytes_out = 10;
  out.quota_units = 100;
  return out;
}

TEST(SimTraffic, CountsPerMethodAndInAll) {
  FakeClock clock;
  Traffic traffic(clock);
  traffic.finished(record(1, "files.list"));
  traffic.finished(record(2, "files.list", 403));
  traffic.finished(record(3, ""));
  traffic.inner_call("files.get", 404, 5);
  traffic.connection_opened(true);
  traffic.connection_opened(false);
  traffic.connection_closed();
  traffic.media_begins();
  traffic.media_begins();
  traffic.media_ends();
  clock.advance(std::chrono::seconds(2));
  const json stats = traffic.stats();
  EXPECT_EQ(stats["methods"]["files.list"],
            json::parse(R"({"count":2,"statuses":{"200":1,"403":1},"bytes_in":2,"bytes_out":20,
                            "units":200})"));
  EXPECT_EQ(stats["methods"]["unknown"]["count"], 1);
  EXPECT_EQ(stats["methods"]["files.get"]["statuses"]["404"], 1);
  EXPECT_EQ(stats["requests"], 4);
  EXPECT_EQ(stats["units"], 305);
  EXPECT_EQ(stats["seconds"], 2.0);
  EXPECT_EQ(stats["connections"], json::parse(R"({"plain":1,"tls":1,"open":1,"peak":2})"));
  EXPECT_EQ(stats["media"], json::parse(R"({"now":1,"peak":2})"));

  traffic.reset();
  const json after = traffic.stats();
  EXPECT_EQ(after["requests"], 0);
  EXPECT_EQ(after["connections"], json::parse(R"({"plain":0,"tls":0,"open":1,"peak":1})"));
  EXPECT_EQ(after["media"]["now"], 1);
}

TEST(SimTraffic, TheLogGoesOnWhereItWasLeft) {
  FakeClock clock;
  Traffic traffic(clock);
  for (std::uint64_t i = 1; i <= 10; ++i) {
    traffic.finished(record(i, i % 2 == 0 ? "files.get" : "files.list"));
  }
  json log = traffic.log(0, "", 4);
  EXPECT_EQ(log["entries"].size(), 4u);
  EXPECT_EQ(log["last"], 4);
  log = traffic.log(4, "files.get", 100);
  EXPECT_EQ(log["entries"].size(), 3u);
  EXPECT_EQ(log["entries"][0]["request"], 6);
  EXPECT_EQ(log["last"], 10);
  log = traffic.log(10, "", 100);
  EXPECT_TRUE(log["entries"].empty());
  EXPECT_EQ(log["last"], 10);
}

TEST(SimTraffic, TheLogIsBounded) {
  FakeClock clock;
  Traffic traffic(clock);
  for (std::uint64_t i = 1; i <= Traffic::kLogEntries + 5; ++i) traffic.finished(record(i, "m"));
  json log = traffic.log(0, "", 1);
  EXPECT_EQ(log["entries"][0]["request"], 6);

  // Long targets: fewer entries, each cut.
  const std::size_t fit = Traffic::kLogText / Traffic::kLongestTarget;
  for (std::size_t i = 0; i < fit + 1; ++i) {
    RequestRecord long_one = record(i, "m");
    long_one.target = std::string(2 * Traffic::kLongestTarget, 'x');
    traffic.finished(std::move(long_one));
  }
  log = traffic.log(0, "", 1);
  EXPECT_EQ(log["entries"][0]["target"].get<std::string>().size(), Traffic::kLongestTarget);
  EXPECT_EQ(log["entries"][0]["request"], 1);
}

TEST(SimTraffic, TheLogHoldsNoSecrets) {
  FakeClock clock;
  Traffic traffic(clock);
  RequestRecord secret = record(1, "upload.put");
  secret.target =
      "/upload/drive/v3/files?uploadType=resumable&upload_id=AbCdEf123&access_token=ya29.xyz";
  traffic.finished(std::move(secret));
  RequestRecord binary = record(2, "m");
  binary.target = "/drive/\xff\xfe";
  traffic.finished(std::move(binary));
  const json log = traffic.log(0, "", 10);
  const auto target = log["entries"][0]["target"].get<std::string>();
  EXPECT_THAT(target, HasSubstr("uploadType=resumable"));
  EXPECT_THAT(target, Not(HasSubstr("AbCdEf123")));
  EXPECT_THAT(target, Not(HasSubstr("ya29")));
  EXPECT_NO_THROW(static_cast<void>(log.dump()));
}

}  // namespace
}  // namespace driveway::sim
