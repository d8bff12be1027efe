// --max-download and --max-upload on the wire: all calls together, no stall, and cancelled as ever.
#include <atomic>
#include <thread>
#include <vector>

#include "base/strings.h"
#include "http/http_client.h"
#include "unit/http/test_client.h"

namespace driveway::http {
namespace {

using test::Gate;
using test::pattern;
using test::Peer;
using test::ReceivedRequest;
using test::StringSink;
using test::TestClient;
using test::TestServer;
using namespace std::chrono_literals;

const auto kTakeAll = [](const Response&) { return true; };

class WholeText final : public UploadBody {
 public:
  explicit WholeText(const std::string& text) : text_(text) {}
  Bytes size() const override { return text_.size(); }
  Status read(Bytes offset, std::span<std::byte> buffer) override {
    const auto bytes = std::as_bytes(std::span(text_)).subspan(offset, buffer.size());
    std::copy(bytes.begin(), bytes.end(), buffer.begin());
    return {};
  }

 private:
  const std::string& text_;
};

// What is left out of a measured rate: what goes at once, and half a piece or so.
constexpr Bytes kSlack = 150'000;

TEST(HttpLimit, DownloadsShareIt) {
  const std::string body = pattern(250'000);
  TestServer server([&](const ReceivedRequest&, Peer& peer) { peer.respond(200, body); });
  TestClient client({.max_download = 1'000'000});
  const TimePoint begin = client.clock.now();
  std::vector<std::thread> readers;
  for (int i = 0; i < 4; ++i) {
    readers.emplace_back([&] {
      StringSink sink;
      Request request = client.get(server.url(), Pool::kMedia);
      request.idle_timeout = 5s;
      const auto response =
          client.http->fetch_to(client.soon(), std::move(request), kTakeAll, sink);
      EXPECT_TRUE(response.ok()) << response.error().to_string();
      EXPECT_TRUE(sink.text == body);
    });
  }
  for (std::thread& reader : readers) reader.join();
  const auto least = std::chrono::microseconds(4 * body.size() - kSlack);
  EXPECT_GE(client.clock.now() - begin, least);
}

TEST(HttpLimit, WaitingForItIsNoStall) {
  const std::string body = pattern(60'000);
  TestServer server([&](const ReceivedRequest&, Peer& peer) { peer.respond(200, body); });
  TestClient client({.max_download = 40'000, .max_upload = 40'000});
  StringSink sink;
  Request download = client.get(server.url(), Pool::kMedia);
  download.idle_timeout = 100ms;  // a piece of 16 KiB has to wait for 400
  const auto got = client.http->fetch_to(client.soon(), std::move(download), kTakeAll, sink);
  ASSERT_TRUE(got.ok()) << got.error().to_string();
  EXPECT_TRUE(sink.text == body);
}

TEST(HttpLimit, UploadsKeepIt) {
  const std::string text = pattern(600'000);
  TestServer server([](const ReceivedRequest&, Peer& peer) { peer.respond(200, "ok"); });
  TestClient client({.max_upload = 1'000'000});
  WholeText body(text);
  Request request = client.get(server.url(), Pool::kMedia);
  request.method = "PUT";
  const TimePoint begin = client.clock.now();
  const auto response = client.http->fetch_from(client.soon(), std::move(request), body);
  ASSERT_TRUE(response.ok()) << response.error().to_string();
  EXPECT_TRUE(server.requests().at(0).body == text);
  EXPECT_GE(client.clock.now() - begin, std::chrono::microseconds(text.size() - kSlack));
}

TEST(HttpLimit, WhoWaitsCanBeCancelled) {  // R5
  const std::string body = pattern(1'000'000);
  TestServer server([&](const ReceivedRequest&, Peer& peer) { peer.respond(200, body); });
  TestClient client({.max_download = 1000});
  CancelSource source;
  Context context = client.soon();
  context.cancel = source.token();
  std::atomic<TimePoint> cancelled_at{};
  class Sink final : public StringSink {
   public:
    Status write(std::span<const std::byte>) override {
      came.open();
      return {};
    }
    Gate came;
  } sink;
  std::thread canceller([&] {
    EXPECT_TRUE(sink.came.wait());
    cancelled_at = client.clock.now();
    source.cancel();
  });
  const auto response =
      client.http->fetch_to(context, client.get(server.url(), Pool::kMedia), kTakeAll, sink);
  canceller.join();
  EXPECT_TRUE(response.failed_with(ErrorCode::kCancelled));
  EXPECT_LT(client.clock.now() - cancelled_at.load(), 2s);
}

TEST(HttpLimit, MetadataIsNotLimited) {
  const std::string body = pattern(1'000'000);
  TestServer server([&](const ReceivedRequest&, Peer& peer) { peer.respond(200, body); });
  TestClient client({.max_download = 1000});
  const auto response = client.http->fetch(client.soon(), client.get(server.url()));
  ASSERT_TRUE(response.ok()) << response.error().to_string();
  EXPECT_TRUE(response->body == body);
}

}  // namespace
}  // namespace driveway::http
