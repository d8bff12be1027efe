// Request bodies that are given piece by piece.
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

// Gives `text`, in pieces; at each of `pauses` it says "not now" once and opens `paused`.
class TextSource final : public BodySource {
 public:
  explicit TextSource(std::string text, bool known_size = true)
      : text_(std::move(text)), known_size_(known_size) {}
  std::optional<Bytes> size() const override {
    return known_size_ ? std::optional<Bytes>(announced.value_or(text_.size())) : std::nullopt;
  }
  Result<std::size_t> read(std::span<std::byte> buffer) override {
    if (failure) return *failure;
    if (!pauses.empty() && position_ >= pauses.front()) {
      pauses.erase(pauses.begin());
      if (on_pause) on_pause();
      return Error{ErrorCode::kUnavailable, "not now", true};
    }
    const std::size_t count = std::min({buffer.size(), text_.size() - position_, piece});
    std::memcpy(buffer.data(), text_.data() + position_, count);
    position_ += count;
    return count;
  }
  Status rewind() override {
    position_ = 0;
    ++rewinds;
    return {};
  }
  std::optional<Bytes> announced;
  std::optional<Error> failure;
  std::vector<std::size_t> pauses;
  std::function<void()> on_pause;
  std::size_t piece = 1 << 20;
  std::atomic<int> rewinds = 0;

 private:
  const std::string text_;
  const bool known_size_;
  std::size_t position_ = 0;
};

Request put(const TestServer& server, std::shared_ptr<BodySource> source) {
  Request request;
  request.method = "PUT";
  request.url = server.url("/session");
  request.pool = Pool::kMedia;
  request.body_source = std::move(source);
  return request;
}

class Done final : public CallObserver {
 public:
  bool on_head(const Response&) override { return false; }
  std::size_t on_data(std::span<const std::byte> data) override { return data.size(); }
  void on_done(Result<Response> given) override {
    result = std::move(given);
    done.open();
  }
  Gate done;
  std::optional<Result<Response>> result;
};

void answer_ok(const ReceivedRequest&, Peer& peer) { peer.respond(200, "{}"); }

TEST(HttpUpload, SendsASourceOfKnownSize) {
  TestServer server(answer_ok);
  TestClient client;
  const std::string text = pattern(3'000'000);
  const auto response =
      client.http->fetch(client.soon(), put(server, std::make_shared<TextSource>(text)));
  ASSERT_TRUE(response.ok()) << response.error().to_string();
  const ReceivedRequest seen = server.requests().at(0);
  EXPECT_EQ(seen.method, "PUT");
  EXPECT_EQ(seen.header("content-length"), "3000000");
  EXPECT_FALSE(seen.headers.contains("expect"));
  EXPECT_TRUE(seen.body == text);
  EXPECT_EQ(client.metric("http.bytes_out"), 3'000'000);
}

TEST(HttpUpload, SendsASourceOfUnknownSizeInChunks) {
  TestServer server(answer_ok);
  TestClient client;
  const std::string text = pattern(1'000'000);
  const auto response =
      client.http->fetch(client.soon(), put(server, std::make_shared<TextSource>(text, false)));
  ASSERT_TRUE(response.ok()) << response.error().to_string();
  EXPECT_EQ(server.requests().at(0).header("transfer-encoding"), "chunked");
  EXPECT_TRUE(server.requests().at(0).body == text);
}

TEST(HttpUpload, AnEmptySourceSaysItsLength) {
  TestServer server(answer_ok);
  TestClient client;
  ASSERT_TRUE(
      client.http->fetch(client.soon(), put(server, std::make_shared<TextSource>(""))).ok());
  EXPECT_EQ(server.requests().at(0).header("content-length"), "0");
}

TEST(HttpUpload, PausesAndGoesOn) {
  TestServer server(answer_ok);
  TestClient client;
  const std::string text = pattern(2'000'000);
  const auto source = std::make_shared<TextSource>(text);
  source->piece = 100'000;
  source->pauses = {0, 500'000, 1'900'000};
  std::atomic<int> paused = 0;
  source->on_pause = [&] { ++paused; };
  Request request = put(server, source);
  request.idle_timeout = 1s;
  Done observer;
  const auto call = client.http->start(std::move(request), observer);
  for (int i = 1; i <= 3; ++i) {
    while (paused < i) std::this_thread::yield();
    if (i == 2) {  // longer than the idle timeout: our own pause does not count
      ASSERT_TRUE(sleep_until({}, client.clock, client.clock.now() + 1500ms).ok());
    }
    call->resume();
  }
  ASSERT_TRUE(observer.done.wait());
  ASSERT_TRUE(observer.result->ok()) << observer.result->error().to_string();
  EXPECT_TRUE(server.requests().at(0).body == text);
}

TEST(HttpUpload, AResumeIncompleteAnswerIsAResponse) {
  TestServer server([](const ReceivedRequest&, Peer& peer) {
    peer.respond(308, "", {{"Range", "bytes=0-262143"}});
  });
  TestClient client;
  Request request = put(server, std::make_shared<TextSource>(pattern(262'144)));
  request.headers = {{"Content-Range", "bytes 0-262143/*"}};
  const auto response = client.http->fetch(client.soon(), std::move(request));
  ASSERT_TRUE(response.ok());
  EXPECT_EQ(response->status, 308);
  EXPECT_EQ(server.requests().at(0).header("content-range"), "bytes 0-262143/*");
}

TEST(HttpUpload, AnErrorOfTheSourceIsTheResult) {
  TestServer server(answer_ok);
  TestClient client;
  const auto source = std::make_shared<TextSource>("text");
  source->failure = Error{ErrorCode::kLocalDisk, "cannot read"};
  const auto response = client.http->fetch(client.soon(), put(server, source));
  EXPECT_TRUE(response.failed_with(ErrorCode::kLocalDisk)) << response.error().to_string();
}

TEST(HttpUpload, ASourceThatEndsEarlyIsRefused) {
  TestServer server(answer_ok);
  TestClient client;
  const auto source = std::make_shared<TextSource>("text");
  source->announced = 100;
  const auto response = client.http->fetch(client.soon(), put(server, source));
  EXPECT_TRUE(response.failed_with(ErrorCode::kInvalidArgument)) << response.error().to_string();
}

TEST(HttpUpload, ADeadConnectionRewindsTheSource) {
  // The first request makes the connection, the server drops it unanswered at the second.
  TestServer server(
      [](const ReceivedRequest& request, Peer& peer) {
        if (request.connection == 1 && request.method == "PUT") return peer.close();
        std::string body;
        peer.read_exactly(parse_uint(request.header("content-length")).value_or(0), body);
        peer.respond(200, body);
      },
      nullptr, false);
  TestClient client;
  ASSERT_TRUE(client.http->fetch(client.soon(), client.get(server.url(), Pool::kMedia)).ok());
  const auto source = std::make_shared<TextSource>("text");
  const auto response = client.http->fetch(client.soon(), put(server, source));
  ASSERT_TRUE(response.ok()) << response.error().to_string();
  EXPECT_EQ(response->body, "text");
  EXPECT_EQ(source->rewinds, 1);
}

TEST(HttpUpload, AnEarlyRefusalIsAResponse) {
  TestServer server(
      [](const ReceivedRequest&, Peer& peer) {
        peer.respond(403, "{\"error\":{}}");
        std::string rest;
        while (!(rest = peer.read_some(65536)).empty()) {
        }
        peer.close();
      },
      nullptr, false);
  TestClient client;
  const auto response = client.http->fetch(
      client.soon(), put(server, std::make_shared<TextSource>(pattern(50'000'000))));
  ASSERT_TRUE(response.ok()) << response.error().to_string();
  EXPECT_EQ(response->status, 403);
}

// Neither libcurl nor the kernel asks the source for more while they drain what they have.
TEST(HttpUpload, ASlowReceiverIsNoStall) {
  const std::string text = pattern(28 << 20);
  SystemClock clock;
  TestServer server(
      [&](const ReceivedRequest&, Peer& peer) {
        std::string piece;
        for (std::size_t left = text.size(); left > 0; left -= std::min(left, piece.size())) {
          piece.clear();
          if (!peer.read_exactly(std::min<std::size_t>(left, 1 << 20), piece)) return;
          EXPECT_TRUE(sleep_until({}, clock, clock.now() + 100ms).ok());
        }
        peer.respond(200, "ok");
      },
      nullptr, false);
  TestClient client;
  Request request = put(server, std::make_shared<TextSource>(text));
  request.idle_timeout = 2s;  // the whole takes three
  const auto response = client.http->fetch(client.soon(), std::move(request));
  ASSERT_TRUE(response.ok()) << response.error().to_string();
}

}  // namespace
}  // namespace driveway::http
