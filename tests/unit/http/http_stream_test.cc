// Streamed bodies: back-pressure, many at once, connections used again, broken ends.
#include <poll.h>

#include <thread>

#include "base/hash.h"
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

const auto kAcceptAll = [](const Response&) { return true; };

// Holds the first write until the gate is open.
class GatedSink final : public StringSink {
 public:
  explicit GatedSink(Gate& gate) : gate_(gate) {}
  Status write(std::span<const std::byte> data) override {
    EXPECT_TRUE(gate_.wait());
    largest = std::max(largest, data.size());
    return StringSink::write(data);
  }
  std::size_t largest = 0;

 private:
  Gate& gate_;
};

TEST(HttpStream, WritesTheBodyOnTheCallingThread) {
  const std::string body = pattern(3'000'000);
  TestServer server([&](const ReceivedRequest&, Peer& peer) { peer.respond(206, body); });
  TestClient client;
  class Sink final : public StringSink {
   public:
    Status write(std::span<const std::byte> data) override {
      EXPECT_EQ(std::this_thread::get_id(), thread);
      return StringSink::write(data);
    }
    const std::thread::id thread = std::this_thread::get_id();
  } sink;
  int heads = 0;
  const auto response = client.http->fetch_to(
      client.soon(), client.get(server.url(), Pool::kMedia),
      [&](const Response& head) {
        ++heads;
        EXPECT_EQ(*head.header("content-length"), "3000000");
        return head.status == 206;
      },
      sink);
  ASSERT_TRUE(response.ok()) << response.error().to_string();
  EXPECT_EQ(heads, 1);
  EXPECT_EQ(response->status, 206);
  EXPECT_TRUE(response->body.empty());
  EXPECT_TRUE(sink.text == body);
  EXPECT_EQ(client.metric("http.bytes_in"), 3'000'000);
}

TEST(HttpStream, ARefusedHeadIsCollected) {
  TestServer server([](const ReceivedRequest&, Peer& peer) { peer.respond(403, "{\"error\":1}"); });
  TestClient client;
  StringSink sink;
  const auto response = client.http->fetch_to(
      client.soon(), client.get(server.url(), Pool::kMedia),
      [](const Response& head) { return head.status == 200; }, sink);
  ASSERT_TRUE(response.ok());
  EXPECT_EQ(response->body, "{\"error\":1}");
  EXPECT_EQ(sink.text, "");
}

TEST(HttpStream, ASlowSinkStopsTheServer) {
  constexpr std::size_t kSize = 64 << 20;
  Gate gate;
  std::size_t sent_when_stalled = 0;
  TestServer server([&](const ReceivedRequest&, Peer& peer) {
    const int small = 64 * 1024;
    ::setsockopt(peer.fd(), SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
    peer.write(cat("HTTP/1.1 200 OK\r\nContent-Length: ", kSize, "\r\n\r\n"));
    const std::string piece(256 * 1024, 'x');
    std::size_t sent = 0;
    while (sent < kSize) {
      pollfd waiting{peer.fd(), POLLOUT, 0};
      if (::poll(&waiting, 1, 1500) == 0 && sent_when_stalled == 0) {
        sent_when_stalled = sent;  // nobody takes anything any more
        gate.open();
      }
      const ssize_t count = ::send(peer.fd(), piece.data(), std::min(piece.size(), kSize - sent),
                                   MSG_NOSIGNAL | MSG_DONTWAIT);
      if (count > 0) sent += static_cast<std::size_t>(count);
    }
  });
  TestClient client;
  GatedSink sink(gate);
  Request request = client.get(server.url(), Pool::kMedia);
  request.idle_timeout = std::chrono::seconds(1);  // a paused call is not idle
  const auto response = client.http->fetch_to(client.soon(), std::move(request), kAcceptAll, sink);
  ASSERT_TRUE(response.ok()) << response.error().to_string();
  EXPECT_EQ(sink.text.size(), kSize);
  EXPECT_GT(sent_when_stalled, 0U);
  // 1 MiB here, 512 KiB in libcurl, the rest in the kernel's socket buffers.
  EXPECT_LT(sent_when_stalled, 24U << 20);
  EXPECT_LE(sink.largest, 512U << 10);
}

TEST(HttpStream, ABufferSmallerThanAPieceStillFlows) {
  const std::string body = pattern(300'000);
  TestServer server([&](const ReceivedRequest&, Peer& peer) { peer.respond(200, body); });
  TestClient client({.media_buffer = 100});
  StringSink sink;
  const auto response = client.http->fetch_to(client.soon(), client.get(server.url(), Pool::kMedia),
                                              kAcceptAll, sink);
  ASSERT_TRUE(response.ok());
  EXPECT_TRUE(sink.text == body);
}

TEST(HttpStream, SixtyFourAtOnceOnSixtyFourConnections) {
  constexpr int kStreams = 64;
  const std::string body = pattern(2 << 20);
  std::atomic<int> arrived = 0;
  Gate all_here;
  TestServer server([&](const ReceivedRequest&, Peer& peer) {
    if (++arrived == kStreams) all_here.open();
    EXPECT_TRUE(all_here.wait());
    peer.respond(200, body);
  });
  TestClient client;
  const auto round = [&] {
    std::vector<std::thread> threads;
    threads.reserve(kStreams);
    for (int i = 0; i < kStreams; ++i) {
      threads.emplace_back([&] {
        StringSink sink;
        const auto response = client.http->fetch_to(
            client.soon(), client.get(server.url(), Pool::kMedia), kAcceptAll, sink);
        EXPECT_TRUE(response.ok()) << response.error().to_string();
        EXPECT_TRUE(sink.text == body);
      });
    }
    for (std::thread& thread : threads) thread.join();
  };
  round();
  EXPECT_EQ(server.connections(), kStreams);
  round();  // on the same connections
  EXPECT_EQ(server.connections(), kStreams);
  EXPECT_EQ(client.metric("http.connections_opened"), kStreams);
  EXPECT_EQ(client.metric("http.in_flight"), 0);
}

TEST(HttpStream, MoreThanTheLimitWaitAndReuseConnections) {
  constexpr int kCalls = 200;
  std::atomic<int> active = 0;
  std::atomic<int> peak = 0;
  TestServer server([&](const ReceivedRequest&, Peer& peer) {
    const int now = ++active;
    for (int seen = peak; now > seen && !peak.compare_exchange_weak(seen, now);) {
    }
    --active;
    peer.respond(200, "x");
  });
  TestClient client({.max_media_connections = 3, .max_metadata_connections = 2});
  std::vector<std::thread> threads;
  threads.reserve(8);
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&, i] {
      for (int n = 0; n < kCalls / 8; ++n) {
        const Pool pool = i % 2 == 0 ? Pool::kMedia : Pool::kMetadata;
        EXPECT_TRUE(client.http->fetch(client.soon(), client.get(server.url(), pool)).ok());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(server.requests().size(), std::size_t{kCalls});
  EXPECT_LE(peak, 5);
  EXPECT_LE(server.connections(), 5);
  EXPECT_EQ(client.metric("http.connections_opened"), server.connections());
}

TEST(HttpStream, AConnectionThatDiedUnusedIsReplaced) {
  TestServer server([](const ReceivedRequest& request, Peer& peer) {
    peer.respond(200, "x");
    if (request.connection == 1) peer.close();  // behind the client's back
  });
  TestClient client;
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(client.http->fetch(client.soon(), client.get(server.url())).ok());
  }
  EXPECT_EQ(server.connections(), 2);
}

// What arrived goes to the sink, then the error comes.
TEST(HttpStream, ATruncatedBodyIsAnError) {
  for (const bool chunked : {false, true}) {
    for (const bool reset : {false, true}) {
      TestServer server([&](const ReceivedRequest&, Peer& peer) {
        peer.write(chunked ? "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n186a0\r\n"
                           : "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n");
        peer.write(pattern(50'000));
        reset ? peer.reset() : peer.close();
      });
      TestClient client;
      StringSink sink;
      const auto response = client.http->fetch_to(
          client.soon(), client.get(server.url(), Pool::kMedia), kAcceptAll, sink);
      ASSERT_TRUE(response.failed_with(ErrorCode::kUnavailable)) << chunked << reset;
      EXPECT_TRUE(response.error().retryable);
      EXPECT_TRUE(pattern(50'000).starts_with(sink.text));
      if (!reset) {
        EXPECT_EQ(sink.text.size(), 50'000U);
      }
      const auto collected = client.http->fetch(client.soon(), client.get(server.url()));
      EXPECT_TRUE(collected.failed_with(ErrorCode::kUnavailable));
    }
  }
}

TEST(HttpStream, AnErrorOfTheSinkEndsTheCall) {
  Gate client_gone;
  TestServer server([&](const ReceivedRequest&, Peer& peer) {
    peer.write("HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n");
    while (peer.write(std::string(100'000, 'x'))) {
    }
    client_gone.open();
    peer.close();
  });
  TestClient client;
  class FullSink final : public ByteSink {
   public:
    Status write(std::span<const std::byte>) override { return Error{ErrorCode::kNoSpace, "full"}; }
  } sink;
  const auto response = client.http->fetch_to(client.soon(), client.get(server.url(), Pool::kMedia),
                                              kAcceptAll, sink);
  EXPECT_TRUE(response.failed_with(ErrorCode::kNoSpace));
  EXPECT_TRUE(client_gone.wait());
}

}  // namespace
}  // namespace driveway::http
