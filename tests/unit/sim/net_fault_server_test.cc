// Each fault, as a client that knows only sockets sees it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <thread>

#include "unit/sim/net_fixture.h"

namespace driveway::sim::test {
namespace {

using testing::HasSubstr;

class SimServerFaults : public ServerTest {
 protected:
  void set_faults(const nlohmann::json& faults) { patch({{"faults", faults}}); }
};

TEST_F(SimServerFaults, ServerErrorsInTurn) {
  set_faults({{"error_5xx", 1}});
  start();
  RawClient client = this->client();
  const ClientResponse first = client.get("/t/get");
  EXPECT_EQ(first.status, 500);
  EXPECT_THAT(first.body, HasSubstr("internalError"));
  const ClientResponse second = client.get("/t/get");
  EXPECT_EQ(second.status, 502);
  EXPECT_EQ(second.header("Content-Type"), "text/html; charset=UTF-8");
  const ClientResponse third = client.get("/t/get");
  EXPECT_EQ(third.status, 503);
  EXPECT_THAT(third.body, HasSubstr("\"error\""));
  EXPECT_EQ(last_log_entry()["fault"], "error_5xx");
  EXPECT_EQ(client.post("/t/write", "x").status, 500);
  EXPECT_EQ(service_.commits, 0);
  EXPECT_EQ(engine_.faults.count(FaultKind::kError5xx), 4u);
}

TEST_F(SimServerFaults, RateLimitsWithAndWithoutJson) {
  start();
  RawClient client = this->client();
  set_faults({{"error_429", 1}});
  ClientResponse response = client.get("/t/get");
  EXPECT_EQ(response.status, 429);
  EXPECT_THAT(response.body, HasSubstr("rateLimitExceeded"));
  EXPECT_FALSE(response.header("Retry-After"));
  set_faults({{"error_429", 0}, {"error_403_rate", 1}, {"retry_after", true}});
  response = client.get("/t/get");
  EXPECT_EQ(response.status, 403);
  EXPECT_THAT(response.body, HasSubstr("userRateLimitExceeded"));
  EXPECT_EQ(response.header("Retry-After"), "1");
  set_faults({{"plain_error_bodies", true}});
  response = client.get("/t/get");
  EXPECT_EQ(response.status, 403);
  EXPECT_EQ(response.header("Content-Type"), "text/html; charset=UTF-8");
  // Only the API has rate limits.
  EXPECT_EQ(client.get("/t/other").status, 200);
}

TEST_F(SimServerFaults, ResetInTheMiddleOfMedia) {
  set_faults({{"reset", 1}});
  start();
  const ClientResponse response = client().get("/t/media?size=5000000");
  EXPECT_TRUE(response.reset);
  EXPECT_FALSE(response.whole);
  EXPECT_TRUE(response.body == PatternContent::text(0, response.body.size()));
  EXPECT_EQ(engine_.faults.count(FaultKind::kReset), 1u);
}

TEST_F(SimServerFaults, TruncationIsACleanClose) {
  set_faults({{"truncate", 1}});
  start();
  for (const Bytes size : {1u, 1000u, 5'000'000u}) {
    RawClient client = this->client();
    const ClientResponse response = client.get(cat("/t/media?size=", size));
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(response.header("Content-Length"), cat(size));
    EXPECT_FALSE(response.whole);
    EXPECT_FALSE(response.reset);
    EXPECT_TRUE(response.body == PatternContent::text(0, response.body.size()));
  }
  // An empty body cannot be cut.
  EXPECT_TRUE(client().get("/t/media?size=0").whole);
}

TEST_F(SimServerFaults, AStallAndThenTheRest) {
  set_faults({{"stall", 1}, {"stall_time", 20000}});
  start();
  RawClient client = this->client();
  const ClientResponse response = client.get("/t/media?size=1000000");
  EXPECT_TRUE(response.body == PatternContent::text(0, 1'000'000));
  // The clock that ends waits at once says how long it was.
  EXPECT_GE(last_log_entry()["duration_ms"].get<double>(), 20000);
  EXPECT_EQ(last_log_entry()["fault"], "stall");
}

TEST_F(SimServerFaults, WrongRangesSayWhatTheyAre) {
  set_faults({{"wrong_range", 1}});
  start();
  RawClient client = this->client();
  const std::string header = "Range: bytes=2000-2999\r\n";
  const ClientResponse other = client.get("/t/media?size=10000", header);
  EXPECT_EQ(other.status, 206);
  EXPECT_EQ(other.header("Content-Range"), "bytes 2500-3499/10000");
  EXPECT_EQ(other.body, PatternContent::text(2500, 1000));
  const ClientResponse all = client.get("/t/media?size=10000", header);
  EXPECT_EQ(all.status, 200);
  EXPECT_EQ(all.body, PatternContent::text(0, 10'000));
  // Without a Range there is nothing to get wrong.
  EXPECT_EQ(client.get("/t/media?size=10000").status, 200);
  EXPECT_EQ(engine_.faults.count(FaultKind::kWrongRange), 2u);
}

TEST_F(SimServerFaults, OneFlippedBit) {
  set_faults({{"flip", 1}});
  start();
  const std::string right = PatternContent::text(0, 1'000'000);
  const ClientResponse response = client().get("/t/media?size=1000000");
  ASSERT_EQ(response.body.size(), right.size());
  int flipped = 0;
  for (std::size_t i = 0; i < right.size(); ++i) {
    flipped += __builtin_popcount(static_cast<unsigned char>(right[i] ^ response.body[i]));
  }
  EXPECT_EQ(flipped, 1);
}

TEST_F(SimServerFaults, UploadsAreResetHalfway) {
  set_faults({{"upload_reset", 1}});
  start();
  for (const char* target : {"/t/put", "/upload/t/write"}) {
    service_.partial = 0;
    RawClient client = this->client();
    const ClientResponse response = client.post(target, std::string(1'000'000, 'x'));
    EXPECT_EQ(response.status, 0);
    EXPECT_TRUE(response.reset || client.ended());
    EXPECT_GT(service_.partial, 0u);
    EXPECT_LT(service_.partial, 1'000'000u);
  }
  EXPECT_EQ(service_.commits, 0);
  // A body in chunks, shorter than where the cut would be: cut at its end.
  RawClient client = this->client();
  EXPECT_EQ(client
                .request("PUT /t/put HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
                         "3\r\nabc\r\n0\r\n\r\n")
                .status,
            0);
  EXPECT_EQ(service_.commits, 0);
  EXPECT_EQ(this->client().post("/t/write", "not an upload").status, 200);
}

TEST_F(SimServerFaults, AnswersOfWritesGetLost) {
  set_faults({{"lost_answer", 1}});
  start();
  RawClient client = this->client();
  const ClientResponse response = client.post("/t/write", "x");
  EXPECT_EQ(response.status, 0);
  EXPECT_TRUE(response.reset);
  EXPECT_EQ(service_.commits, 1);
  EXPECT_EQ(last_log_entry()["status"], 0);
  EXPECT_EQ(last_log_entry()["fault"], "lost_answer");
  EXPECT_EQ(this->client().get("/t/get").status, 200);
}

TEST_F(SimServerFaults, DeadUntilSetBack) {
  set_faults({{"dead", true}});
  start();
  RawClient waits = client();
  RawClient leaves = client();
  waits.send("POST /t/write HTTP/1.1\r\nContent-Length: 1\r\n\r\nx");
  leaves.send("POST /t/write HTTP/1.1\r\nContent-Length: 1\r\n\r\nx");
  while (engine_.faults.count(FaultKind::kDead) < 2) std::this_thread::yield();
  EXPECT_EQ(client().get("/__sim/config").status, 200);
  leaves.close();
  set_faults({{"dead", false}});
  EXPECT_EQ(waits.receive().status, 200);
  // Who left without an answer has written nothing. (Its connection's thread may come last.)
  await_log();
  EXPECT_EQ(service_.commits, 1);
}

TEST_F(SimServerFaults, WhoLeftWithABodyUnreadHasWrittenNothing) {
  set_faults({{"dead", true}});
  start();
  const std::string head = "POST /t/write HTTP/1.1\r\nContent-Length: 50000\r\n\r\n";
  RawClient leaves = client();
  leaves.send(head);
  RawClient breaks = client();
  breaks.send(head);
  while (engine_.faults.count(FaultKind::kDead) < 2) std::this_thread::yield();
  // It lies in the server's socket, in front of the end.
  leaves.send(std::string(50'000, 'x'));
  breaks.send(std::string(50'000, 'x'));
  const linger reset{1, 0};
  ::setsockopt(breaks.fd(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  leaves.close();
  breaks.close();
  set_faults({{"dead", false}});
  await_log();
  EXPECT_EQ(service_.commits, 0);
}

TEST_F(SimServerFaults, ListsAndGetsAreCutAsMediaIs) {
  start();
  set_faults({{"truncate", 1}});
  for (const char* target : {"/t/get?size=100", "/t/list?size=500000"}) {
    const ClientResponse cut = client().get(target);
    EXPECT_EQ(cut.status, 200) << target;
    EXPECT_FALSE(cut.whole) << target;
    EXPECT_FALSE(cut.reset) << target;
    EXPECT_EQ(last_log_entry()["fault"], "truncate");
  }
  EXPECT_TRUE(client().get("/t/other?size=100").whole);
  EXPECT_TRUE(client().post("/t/write", "x").whole);
  set_faults({{"truncate", 0}, {"reset", 1}});
  const ClientResponse broken = client().get("/t/list?size=500000");
  EXPECT_TRUE(broken.reset);
  EXPECT_FALSE(broken.whole);
}

TEST_F(SimServerFaults, ExportsAreCutAndStallToo) {
  start();
  set_faults({{"truncate", 1}});
  const ClientResponse cut = client().get("/t/chunked?size=700000");
  EXPECT_FALSE(cut.whole);
  EXPECT_LT(cut.body.size(), 700'000u);
  set_faults({{"truncate", 0}, {"stall", 1}, {"stall_time", 20000}});
  const ClientResponse stalled = client().get("/t/chunked?size=700000");
  EXPECT_TRUE(stalled.whole);
  EXPECT_TRUE(stalled.body == PatternContent::text(0, 700'000));
  EXPECT_GE(last_log_entry()["duration_ms"].get<double>(), 20000);
}

TEST_F(SimServerFaults, SingleCallsOfABatchAreStruck) {
  set_faults({{"error_429", 0.5}});
  start();
  RawClient client = this->client();
  std::map<int, int> inner;
  for (int i = 0; i < 200; ++i) {
    const ClientResponse response = client.get("/t/inner");
    if (response.header("X-Inner")) ++inner[response.status];
  }
  EXPECT_GT(inner[200], 20);
  EXPECT_GT(inner[429], 20);
}

TEST_F(SimServerFaults, RefusedConnections) {
  set_faults({{"refuse", true}});
  start();
  const ClientResponse response = client().get("/t/get");
  EXPECT_EQ(response.status, 0);
  EXPECT_TRUE(response.reset);
  EXPECT_EQ(client().get("/__sim/config").status, 200);
  set_faults({{"refuse", false}});
  EXPECT_EQ(client().get("/t/get").status, 200);
}

TEST_F(SimServerFaults, BudgetAndPrefix) {
  set_faults({{"error_5xx", 1}, {"budget", 2}, {"path_prefix", "/t/list"}});
  start();
  RawClient client = this->client();
  std::map<int, int> statuses;
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(client.get("/t/get").status, 200);
    ++statuses[client.get("/t/list").status];
  }
  EXPECT_EQ(statuses[500], 1);
  EXPECT_EQ(statuses[502], 1);
  EXPECT_EQ(statuses[200], 3);
}

}  // namespace
}  // namespace driveway::sim::test
