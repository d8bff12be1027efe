// fetch_from: bodies that are read on the calling thread while they are sent.
#include <atomic>
#include <thread>

#include "http/http_client.h"
#include "unit/http/test_client.h"

namespace driveway::http {
namespace {

using test::Gate;
using test::pattern;
using test::Peer;
using test::ReceivedRequest;
using test::TestClient;
using test::TestServer;
using namespace std::chrono_literals;

class TextBody final : public UploadBody {
 public:
  explicit TextBody(std::string text) : text_(std::move(text)) {}
  Bytes size() const override { return text_.size(); }
  Status read(Bytes offset, std::span<std::byte> buffer) override {
    EXPECT_EQ(std::this_thread::get_id(), thread);
    if (offset == 0) ++rounds;
    if (before_read) DRIVEWAY_CHECK(before_read(offset));
    EXPECT_LE(offset + buffer.size(), text_.size());
    std::memcpy(buffer.data(), text_.data() + offset, buffer.size());
    return {};
  }
  std::function<Status(Bytes offset)> before_read;
  int rounds = 0;
  const std::thread::id thread = std::this_thread::get_id();

 private:
  const std::string text_;
};

Request put(const TestServer& server, bool repeatable = true) {
  Request request;
  request.method = "PUT";
  request.url = server.url("/session?upload_id=secret");
  request.pool = Pool::kMedia;
  request.repeatable = repeatable;
  return request;
}

void answer_ok(const ReceivedRequest&, Peer& peer) { peer.respond(200, "{}"); }

TEST(HttpBody, SendsAllOfIt) {
  TestServer server(answer_ok);
  TestClient client;
  for (const std::size_t size : {0, 1, 262'144, 262'145, 10'000'000}) {
    const std::string text = pattern(size);
    TextBody body(text);
    const auto response = client.http->fetch_from(client.soon(), put(server), body);
    ASSERT_TRUE(response.ok()) << response.error().to_string();
    const ReceivedRequest seen = server.requests().back();
    EXPECT_EQ(seen.header("content-length"), cat(size));
    EXPECT_TRUE(seen.body == text) << size;
  }
}

TEST(HttpBody, ASlowBodyPausesTheCallAndIsNoStall) {
  TestServer server(answer_ok);
  TestClient client;
  const std::string text = pattern(1'000'000);
  TextBody body(text);
  body.before_read = [&](Bytes offset) -> Status {
    if (offset != 524'288) return {};
    return sleep_until({}, client.clock, client.clock.now() + 1200ms);
  };
  Request request = put(server);
  request.idle_timeout = 400ms;
  const auto response = client.http->fetch_from(client.soon(), std::move(request), body);
  ASSERT_TRUE(response.ok()) << response.error().to_string();
  EXPECT_TRUE(server.requests().at(0).body == text);
}

TEST(HttpBody, AnErrorOfTheBodyIsReturnedAsItIs) {
  TestServer server(answer_ok);
  TestClient client;
  TextBody body(pattern(3'000'000));
  body.before_read = [](Bytes offset) -> Status {
    if (offset < 1'000'000) return {};
    return Error{ErrorCode::kUnavailable, "the base is not here", true};
  };
  const auto response = client.http->fetch_from(client.soon(), put(server), body);
  ASSERT_TRUE(response.failed_with(ErrorCode::kUnavailable));
  EXPECT_EQ(response.error().to_string(), "the base is not here");
}

TEST(HttpBody, CancellingEndsItWhileTheServerTakesNothing) {  // R5
  Gate arrived;
  Gate over;
  TestServer server(
      [&](const ReceivedRequest&, Peer& peer) {
        arrived.open();
        over.wait();
        peer.close();
      },
      nullptr, false);
  TestClient client;
  CancelSource cancel;
  Context context = client.soon();
  context.cancel = cancel.token();
  std::thread canceller([&] {
    EXPECT_TRUE(arrived.wait());
    cancel.cancel();
  });
  TextBody body(pattern(64'000'000));
  const auto response = client.http->fetch_from(context, put(server), body);
  EXPECT_TRUE(response.failed_with(ErrorCode::kCancelled));
  EXPECT_EQ(response.error().to_string().find("secret"), std::string::npos);
  over.open();
  canceller.join();
}

TEST(HttpBody, TheDeadlineEndsItWhileTheServerTakesNothing) {  // R5
  Gate over;
  TestServer server([&](const ReceivedRequest&, Peer&) { over.wait(); }, nullptr, false);
  TestClient client;
  TextBody body(pattern(64'000'000));
  Context context;
  context.deadline = client.clock.now() + 200ms;
  EXPECT_TRUE(client.http->fetch_from(context, put(server), body)
                  .failed_with(ErrorCode::kDeadlineExceeded));
  over.open();
}

TEST(HttpBody, AServerThatTakesNothingIsAStall) {
  Gate over;
  TestServer server([&](const ReceivedRequest&, Peer&) { over.wait(); }, nullptr, false);
  TestClient client;
  TextBody body(pattern(64'000'000));
  Request request = put(server);
  request.idle_timeout = 300ms;
  const auto response = client.http->fetch_from(client.soon(), std::move(request), body);
  EXPECT_TRUE(response.failed_with(ErrorCode::kUnavailable));
  EXPECT_TRUE(response.error().retryable);
  over.open();
}

TEST(HttpBody, AnAnswerThatDoesNotComeIsAStall) {
  Gate over;
  TestServer server([&](const ReceivedRequest&, Peer&) { over.wait(); });
  TestClient client;
  TextBody body(pattern(300'000));
  Request request = put(server);
  request.idle_timeout = 300ms;
  EXPECT_TRUE(client.http->fetch_from(client.soon(), std::move(request), body)
                  .failed_with(ErrorCode::kUnavailable));
  over.open();
}

// --- The server answers before it has all of the body.

struct Early {
  const char* name;
  bool chunked = false;     // the answer's body
  bool says_close = false;  // "Connection: close"
  enum class Then { kReadOn, kWait, kClose, kReset } then = Then::kReadOn;
  bool body_waits = false;  // all that was read is sent, and the call paused, when the answer comes
  friend void PrintTo(const Early& early, std::ostream* out) { *out << early.name; }
};

class HttpEarlyAnswer : public testing::TestWithParam<Early> {};

TEST_P(HttpEarlyAnswer, IsTheResult) {
  const Early& early = GetParam();
  Gate answered;
  Gate over;
  TestServer server(
      [&](const ReceivedRequest& request, Peer& peer) {
        const std::string said = R"({"error":{"code":403}})";
        std::string begun;
        if (early.body_waits && request.method == "PUT") peer.read_exactly(262'144, begun);
        const std::string close = early.says_close ? "Connection: close\r\n" : "";
        if (early.chunked) {
          peer.write(cat("HTTP/1.1 403 Text\r\nTransfer-Encoding: chunked\r\n", close, "\r\n16\r\n",
                         said, "\r\n0\r\n\r\n"));
        } else {
          peer.write(cat("HTTP/1.1 403 Text\r\nContent-Length: ", said.size(), "\r\n", close,
                         "\r\n", said));
        }
        answered.open();
        if (early.then == Early::Then::kReadOn) peer.wait_closed();
        if (early.then == Early::Then::kWait) over.wait();
        early.then == Early::Then::kReset ? peer.reset() : peer.close();
      },
      nullptr, false);
  TestClient client;
  TextBody body(pattern(16'000'000));
  body.before_read = [&](Bytes offset) -> Status {
    if (early.body_waits && offset == 262'144) {
      EXPECT_TRUE(answered.wait());
    }
    return {};
  };
  Request request = put(server);
  request.idle_timeout = 2s;
  const auto response = client.http->fetch_from(client.soon(), std::move(request), body);
  ASSERT_TRUE(response.ok()) << response.error().to_string();
  EXPECT_EQ(response->status, 403);
  EXPECT_EQ(response->body, R"({"error":{"code":403}})");
  over.open();
  // The half-sent connection is not used again.
  EXPECT_TRUE(client.http->fetch(client.soon(), client.get(server.url(), Pool::kMedia)).ok());
  EXPECT_EQ(server.connections(), 2);
}

// Of a server that closes without reading on, TCP may throw the answer away; it cannot where the
// answer is here before anything more is sent.
INSTANTIATE_TEST_SUITE_P(
    , HttpEarlyAnswer,
    testing::Values(Early{"ReadsOn"}, Early{"Waits", false, false, Early::Then::kWait},
                    Early{"SaysCloseAndReadsOn", false, true},
                    Early{"SaysCloseAndWaits", false, true, Early::Then::kWait},
                    Early{"Chunked", true}, Early{"ChunkedWaits", true, false, Early::Then::kWait},
                    Early{"ChunkedSaysCloseAndWaits", true, true, Early::Then::kWait},
                    Early{"Paused", false, false, Early::Then::kReadOn, true},
                    Early{"PausedSaysClose", false, true, Early::Then::kWait, true},
                    Early{"PausedCloses", false, false, Early::Then::kClose, true},
                    Early{"PausedSaysCloseAndCloses", false, true, Early::Then::kClose, true},
                    Early{"PausedResets", false, false, Early::Then::kReset, true},
                    Early{"PausedChunked", true, false, Early::Then::kWait, true},
                    Early{"PausedChunkedCloses", true, false, Early::Then::kClose, true},
                    Early{"PausedChunkedResets", true, false, Early::Then::kReset, true}),
    [](const testing::TestParamInfo<Early>& info) { return info.param.name; });

// --- A kept-alive connection that dies before the first byte of the answer.

class HttpDyingConnection : public testing::Test {
 protected:
  // Connection 1 answers a GET, then takes the next request and dies.
  TestServer server{[this](const ReceivedRequest& request, Peer& peer) {
    if (request.connection == 1 && request.method != "GET") {
      ++taken;
      return peer.close();
    }
    peer.respond(200, "done");
  }};
  TestClient client;
  std::atomic<int> taken = 0;

  void keep_one_alive() {
    ASSERT_TRUE(client.http->fetch(client.soon(), client.get(server.url(), Pool::kMedia)).ok());
  }
};

TEST_F(HttpDyingConnection, ARepeatableBodyIsSentAgain) {
  keep_one_alive();
  const std::string text = pattern(3'000'000);
  TextBody body(text);
  const auto response = client.http->fetch_from(client.soon(), put(server), body);
  ASSERT_TRUE(response.ok()) << response.error().to_string();
  EXPECT_EQ(body.rounds, 2);
  EXPECT_TRUE(server.requests().back().body == text);
}

TEST_F(HttpDyingConnection, WhatIsNotRepeatableIsSeenOnce) {
  keep_one_alive();
  TextBody body(pattern(3'000'000));
  const auto response = client.http->fetch_from(client.soon(), put(server, false), body);
  EXPECT_TRUE(response.failed_with(ErrorCode::kUnavailable)) << response.error().to_string();
  EXPECT_EQ(body.rounds, 1);
  EXPECT_EQ(taken, 1);
}

TEST_F(HttpDyingConnection, WhatIsNotRepeatableAndShortGoesOutOnAConnectionOfItsOwn) {
  keep_one_alive();
  Request request = put(server, false);
  request.method = "POST";
  request.body = "{}";
  const auto response = client.http->fetch(client.soon(), std::move(request));
  ASSERT_TRUE(response.ok()) << response.error().to_string();
  EXPECT_EQ(taken, 0);
  EXPECT_EQ(server.requests().back().connection, 2);
}

}  // namespace
}  // namespace driveway::http
