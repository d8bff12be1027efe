// The server as a client sees it: framing, keep-alive, odd requests, latency, quota, statistics.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include <thread>

#include "sim/net/server.h"
#include "unit/sim/net_fixture.h"

namespace driveway::sim::test {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

class SimServer : public ServerTest {};

std::string gunzip(const std::string& data) {
  z_stream stream{};
  inflateInit2(&stream, MAX_WBITS + 16);
  std::string out(1 << 20, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(data.data()));
  stream.avail_in = static_cast<uInt>(data.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(inflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  inflateEnd(&stream);
  return out;
}

TEST_F(SimServer, KeepsAConnectionAlive) {
  start();
  RawClient client = this->client();
  for (int i = 0; i < 3; ++i) {
    const ClientResponse response = client.get("/t/get");
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(response.body, "{\"pad\":\"\"}");
    EXPECT_EQ(response.header("Content-Type"), "application/json");
    EXPECT_EQ(response.header("Date"), "Fri, 15 Jan 2027 08:00:00 GMT");
    EXPECT_FALSE(response.header("Connection"));
  }
  EXPECT_EQ(stats()["connections"]["plain"], 1);
  EXPECT_EQ(client.get("/t/get", "Connection: close\r\n").header("Connection"), "close");
  EXPECT_TRUE(client.ended());
}

TEST_F(SimServer, AnswersPipelinedRequestsInOrder) {
  start();
  RawClient client = this->client();
  client.send(
      "\r\nGET /t/get?size=1 HTTP/1.1\r\n\r\n"
      "POST /t/write HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc"
      "GET /t/media?size=5 HTTP/1.1\r\n\r\n");
  EXPECT_EQ(client.receive().body, "{\"pad\":\"x\"}");
  EXPECT_EQ(client.receive().body, "{\"received\":3}");
  EXPECT_EQ(client.receive().body, PatternContent::text(0, 5));
}

TEST_F(SimServer, AHeaderIsOneLine) {
  start();
  const ClientResponse response = client().get("/t/get");
  EXPECT_FALSE(response.header("X-Injected"));
  EXPECT_EQ(response.header("X-Tricky"), "one  X-Injected: two");
}

TEST_F(SimServer, MalformedRequestsAre400AndTheEnd) {
  start();
  for (const char* text : {"\x16\x03\x01garbage", "GET /t/get\r\n\r\n", "GET / HTTP/1.1\n\n",
                           "GET /t/get HTTP/1.1\r\nbroken\r\n\r\n"}) {
    RawClient client = this->client();
    const ClientResponse response = client.request(text);
    EXPECT_EQ(response.status, 400) << text;
    EXPECT_EQ(response.header("Connection"), "close");
    EXPECT_TRUE(client.ended());
  }
}

TEST_F(SimServer, HeadsAreBounded) {
  ServerOptions options;
  options.connection.head_limit = 8 * 1024;
  options.connection.target_limit = 1024;
  start(std::move(options));
  EXPECT_EQ(client().get("/t/get?q=" + std::string(1020, 'x')).status, 414);
  EXPECT_EQ(client().get("/t/get", cat("X: ", std::string(9000, 'x'), "\r\n")).status, 431);
  EXPECT_EQ(client().get("/t/get", cat("X: ", std::string(7000, 'x'), "\r\n")).status, 200);
}

TEST_F(SimServer, UnknownPathsAreHtml404) {  // drive-api reference 1.8
  start();
  RawClient client = this->client();
  const ClientResponse response = client.get("/nothing");
  EXPECT_EQ(response.status, 404);
  EXPECT_EQ(response.header("Content-Type"), "text/html; charset=UTF-8");
  EXPECT_THAT(response.body, HasSubstr("<html"));
  EXPECT_EQ(client.get("/t/get").status, 200);
  EXPECT_EQ(stats()["methods"]["unknown"]["statuses"]["404"], 1);
}

TEST_F(SimServer, MediaAndItsRanges) {
  start();
  RawClient client = this->client();
  ClientResponse response = client.get("/t/media?size=700000");
  EXPECT_EQ(response.status, 200);
  EXPECT_TRUE(response.body == PatternContent::text(0, 700'000));
  EXPECT_EQ(response.header("Server"), "UploadServer");
  response = client.get("/t/media?size=700000", "Range: bytes=300000-699999\r\n");
  EXPECT_EQ(response.status, 206);
  EXPECT_EQ(response.header("Content-Range"), "bytes 300000-699999/700000");
  EXPECT_EQ(response.header("Content-Length"), "400000");
  EXPECT_TRUE(response.body == PatternContent::text(300'000, 400'000));
  response = client.get("/t/media?size=0");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.header("Content-Length"), "0");
  response = client.get("/t/media?size=10", "Range: bytes=10-\r\n");
  EXPECT_EQ(response.status, 416);
  EXPECT_EQ(stats()["media"]["now"], 0);
  EXPECT_EQ(stats()["methods"]["/t/media"]["bytes_out"], 1'100'002);
}

TEST_F(SimServer, HeadHasNoBody) {
  start();
  RawClient client = this->client();
  const ClientResponse response = client.request("HEAD /t/media?size=1000 HTTP/1.1\r\n\r\n", false);
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.header("Content-Length"), "1000");
  EXPECT_EQ(client.get("/t/get").status, 200);
}

TEST_F(SimServer, ChunkedAnswers) {
  start();
  RawClient client = this->client();
  EXPECT_TRUE(client.get("/t/chunked?size=600000").body == PatternContent::text(0, 600'000));
  EXPECT_EQ(client.get("/t/chunked?size=0").body, "");
  const ClientResponse old = client.request("GET /t/chunked?size=9 HTTP/1.0\r\n\r\n");
  EXPECT_EQ(old.header("Content-Length"), "9");
  EXPECT_TRUE(client.ended());
}

TEST_F(SimServer, BodiesWithLengthAndInChunks) {
  start();
  RawClient client = this->client();
  EXPECT_EQ(client.post("/t/write", std::string(300'000, 'x')).body, "{\"received\":300000}");
  EXPECT_EQ(client.post("/t/write", "").body, "{\"received\":0}");
  const std::string head = "POST /t/write HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
  EXPECT_EQ(client
                .request(head + "5;note=1\r\nhello\r\n1A\r\nabcdefghijklmnopqrstuvwxyz\r\n"
                                "0\r\nTrailer: x\r\n\r\n")
                .body,
            "{\"received\":31}");
  EXPECT_EQ(client.request(head + "0\r\n\r\n").body, "{\"received\":0}");
  EXPECT_EQ(service_.commits, 4);
  // What is no chunk ends the connection, and nothing is committed.
  client.send(head + "5\r\nhelloXX\r\n0\r\n\r\n");
  EXPECT_TRUE(client.ended());
  EXPECT_EQ(service_.commits, 4);
}

TEST_F(SimServer, ABodyThatBreaksOffIsNotCommitted) {
  start();
  RawClient client = this->client();
  client.send("POST /t/write HTTP/1.1\r\nContent-Length: 100\r\n\r\nhalf");
  ::shutdown(client.fd(), SHUT_WR);
  EXPECT_TRUE(client.ended());
  EXPECT_EQ(service_.commits, 0);
  EXPECT_EQ(service_.partial, 4u);
}

TEST_F(SimServer, ContinueIsSentWhenTheBodyIsWanted) {
  start();
  RawClient client = this->client();
  const std::string head = " HTTP/1.1\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n";
  EXPECT_EQ(client.request("POST /t/write" + head).status, 100);
  EXPECT_EQ(client.request("hello").body, "{\"received\":5}");
  // Refused without it: the connection ends, because the body may come or not.
  const ClientResponse refused = client.request("POST /t/early" + head);
  EXPECT_EQ(refused.status, 403);
  EXPECT_EQ(refused.header("Connection"), "close");
  EXPECT_TRUE(client.ended());
}

TEST_F(SimServer, UnreadBodiesAreDrainedOrEndTheConnection) {
  start();
  RawClient client = this->client();
  EXPECT_EQ(client.post("/t/early", std::string(500'000, 'x')).status, 403);
  EXPECT_EQ(client.get("/t/get").status, 200);
  const ClientResponse large =
      client.request("POST /t/early HTTP/1.1\r\nContent-Length: 100000000\r\n\r\nxxx");
  EXPECT_EQ(large.status, 403);
  EXPECT_EQ(large.header("Connection"), "close");
  EXPECT_TRUE(client.ended());
}

TEST_F(SimServer, DefectsOfAServiceAre500) {
  start();
  RawClient client = this->client();
  EXPECT_EQ(client.get("/t/throw").status, 500);
  EXPECT_EQ(client.get("/t/silent").status, 500);
  EXPECT_EQ(client.get("/t/get").status, 200);
  client.send("GET /t/drop HTTP/1.1\r\n\r\n");
  const ClientResponse dropped = client.receive();
  EXPECT_EQ(dropped.status, 0);
  EXPECT_TRUE(dropped.reset);
}

TEST_F(SimServer, GzipForThoseWhoAskTwice) {  // drive-api reference 7
  start();
  RawClient client = this->client();
  const std::string plain = client.get("/t/list?size=5000").body;
  const ClientResponse small =
      client.get("/t/list?size=5000", "Accept-Encoding: gzip\r\nUser-Agent: test (gzip)\r\n");
  EXPECT_EQ(small.header("Content-Encoding"), "gzip");
  EXPECT_LT(small.body.size(), 500u);
  EXPECT_EQ(gunzip(small.body), plain);
  const ClientResponse once = client.get("/t/list?size=5000", "Accept-Encoding: gzip\r\n");
  EXPECT_FALSE(once.header("Content-Encoding"));
  EXPECT_EQ(once.body, plain);
  // Media are delivered as they are stored.
  EXPECT_FALSE(client.get("/t/media?size=5000", "Accept-Encoding: gzip\r\nUser-Agent: gzip\r\n")
                   .header("Content-Encoding"));
}

TEST_F(SimServer, LatencyByClassAndOncePerConnection) {
  patch({{"profile", "colab"}, {"network", {{"jitter", 0}}}});
  start();
  const auto delay = [&](RawClient& client, const char* target) {
    client.get(target);
    return last_log_entry()["delay_ms"].get<double>();
  };
  RawClient one = client();
  EXPECT_EQ(delay(one, "/t/other"), 0);
  EXPECT_EQ(delay(one, "/t/get"), 120 + 90);
  EXPECT_EQ(delay(one, "/t/get"), 120);
  EXPECT_EQ(delay(one, "/t/list"), 250);
  EXPECT_EQ(delay(one, "/t/media?size=1"), 350);
  RawClient two = client();
  EXPECT_EQ(delay(two, "/t/write"), 350 + 90);
  EXPECT_EQ(delay(two, "/t/put"), 350);
  EXPECT_GE(last_log_entry()["first_byte_ms"].get<double>(), 350);
}

TEST_F(SimServer, JitterIsSeeded) {
  patch({{"network", {{"get_latency", 1000}, {"jitter", 0.3}, {"seed", 5}}}});
  start();
  RawClient client = this->client();
  double lowest = 1e9;
  double highest = 0;
  for (int i = 0; i < 200; ++i) {
    client.get("/t/get");
    const auto entry = last_log_entry();
    const double delay = entry["delay_ms"];
    lowest = std::min(lowest, delay);
    highest = std::max(highest, delay);
    const double expected =
        1000 * (1 + 0.3 * (2 * draw(5, entry["request"].get<std::uint64_t>(), Draw::kLatency) - 1));
    EXPECT_NEAR(delay, expected, 0.01);
  }
  EXPECT_GE(lowest, 700);
  EXPECT_LE(highest, 1300);
  EXPECT_LT(lowest, 750);
  EXPECT_GT(highest, 1250);
}

TEST_F(SimServer, BandwidthOfOneConnection) {
  patch({{"network",
          {{"connection_bandwidth", 40'000'000},
           {"total_bandwidth", 200'000'000},
           {"media_first_byte", 0},
           {"write_latency", 0}}}});
  start();
  RawClient client = this->client();
  client.get("/t/media?size=4000000");
  EXPECT_NEAR(last_log_entry()["duration_ms"].get<double>(), 100, 1);
  client.post("/t/put", std::string(2'000'000, 'x'));
  EXPECT_NEAR(last_log_entry()["duration_ms"].get<double>(), 50, 1);
  client.get("/t/list?size=400000");
  EXPECT_NEAR(last_log_entry()["duration_ms"].get<double>(), 11, 1);
}

TEST_F(SimServer, QuotaRefusalsAreAnsweredAndCounted) {
  patch({{"quota", "2026"}});
  start();
  RawClient client = this->client();
  std::map<int, int> statuses;
  for (int i = 0; i < 20; ++i) ++statuses[client.post("/t/write?user=a", "x").status];
  // Twenty writes of 1 ms latency each: the burst of ten, and no second has passed.
  EXPECT_EQ(statuses[200], 10);
  EXPECT_EQ(statuses[403], 10);
  EXPECT_EQ(service_.commits, 10);
  EXPECT_EQ(engine_.quota.refusals().writes, 10u);
  EXPECT_EQ(stats()["methods"]["/t/write"]["units"], 500);
  EXPECT_TRUE(last_log_entry()["refused"]);
  const ClientResponse refusal = client.post("/t/write?user=a", "x");
  EXPECT_THAT(refusal.body, HasSubstr("userRateLimitExceeded"));
}

TEST_F(SimServer, InnerCallsAreChargedOnTheirOwn) {
  patch({{"quota", "2026"}});
  start();
  EXPECT_EQ(client().get("/t/inner?user=a").status, 200);
  EXPECT_EQ(stats()["methods"]["/t/inner"]["count"], 2);
}

TEST_F(SimServer, AdminIsNotCountedAndNotTouched) {
  patch({{"faults", {{"error_5xx", 1}, {"refuse", true}}}, {"network", {{"get_latency", 1000}}}});
  start();
  RawClient client = this->client();
  EXPECT_EQ(client.get("/__sim/anything").status, 200);
  EXPECT_EQ(stats()["requests"], 0);
  EXPECT_EQ(stats()["connections"]["plain"], 0);
}

TEST_F(SimServer, SilentPeersAreDropped) {
  ServerOptions options;
  options.idle = 50ms;
  start(std::move(options));
  RawClient client = this->client();
  EXPECT_EQ(client.get("/t/get").status, 200);
  EXPECT_TRUE(client.ended());
}

TEST_F(SimServer, ConnectionsAreLimited) {
  ServerOptions options;
  options.max_connections = 2;
  start(std::move(options));
  RawClient one = client();
  RawClient two = client();
  EXPECT_EQ(one.get("/t/get").status, 200);
  EXPECT_EQ(two.get("/t/get").status, 200);
  RawClient three = client();
  EXPECT_EQ(three.get("/t/get").status, 0);
  EXPECT_EQ(one.get("/t/get").status, 200);
}

TEST_F(SimServer, ListensOnSeveralAddresses) {
  ServerOptions options;
  options.listen = {{}, {"127.0.0.2", 0, false}};
  start(std::move(options));
  EXPECT_NE(server_->addresses().at(0).port, 0);
  EXPECT_NE(server_->addresses().at(1).port, 0);
  EXPECT_EQ(client().get("/t/get").status, 200);
}

TEST_F(SimServer, AddressesThatCannotBeAreErrors) {
  ServerOptions options;
  options.listen = {{"not-an-address", 0, false}};
  EXPECT_TRUE(
      Server::start(options, engine_, std::nullopt).failed_with(ErrorCode::kInvalidArgument));
  options.listen = {{"127.0.0.1", 0, true}};
  EXPECT_TRUE(
      Server::start(options, engine_, std::nullopt).failed_with(ErrorCode::kInvalidArgument));
}

TEST_F(SimServer, StopsWhileEverybodyIsBusy) {
  patch({{"faults", {{"dead", true}, {"path_prefix", "/t/get"}}}});
  start();
  RawClient idle = client();
  RawClient held = client();
  RawClient slow_reader = client();
  RawClient slow_writer = client();
  idle.get("/t/list");
  held.send("GET /t/get HTTP/1.1\r\n\r\n");
  slow_reader.send("GET /t/media?size=1000000000 HTTP/1.1\r\n\r\n");
  slow_writer.send("POST /t/write HTTP/1.1\r\nContent-Length: 10\r\n\r\nx");
  while (engine_.traffic.stats()["media"]["now"] != 1) std::this_thread::yield();
  server_->stop();
  EXPECT_TRUE(held.ended());
  EXPECT_EQ(service_.commits, 0);
}

}  // namespace
}  // namespace driveway::sim::test
