// Deadlines, cancellation and lifetimes (R5): whatever the network does, the caller is free at
// once.
#include <dlfcn.h>
#include <fcntl.h>
#include <netdb.h>

#include <thread>

#include "http/http_client.h"
#include "unit/http/test_client.h"

namespace driveway::test {
namespace {

// Names under "stalled.test" take until the gate opens; `asked` opens when one is looked up.
struct StalledResolver {
  Gate asked, answer;
};
std::atomic<StalledResolver*> stalled_resolver = nullptr;

}  // namespace
}  // namespace driveway::test

// libcurl's resolver threads come here in the place of libc.
extern "C" int getaddrinfo(const char* node, const char* service, const addrinfo* hints,
                           addrinfo** result) {
  using Function = int (*)(const char*, const char*, const addrinfo*, addrinfo**);
  static const auto real = reinterpret_cast<Function>(::dlsym(RTLD_NEXT, "getaddrinfo"));
  auto* stalled = driveway::test::stalled_resolver.load();
  if (stalled != nullptr && node != nullptr && std::string_view(node) == "stalled.test") {
    stalled->asked.open();
    stalled->answer.wait();
    return EAI_FAIL;
  }
  return real(node, service, hints, result);
}

namespace driveway::http {
namespace {

using test::Gate;
using test::Peer;
using test::ReceivedRequest;
using test::StringSink;
using test::TestClient;
using test::TestServer;
using namespace std::chrono_literals;

const auto kAcceptAll = [](const Response&) { return true; };

// Sends the head and one byte, then nothing.
void stall_in_body(Peer& peer) {
  peer.write("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nx");
  peer.wait_closed();
}

// A port where connecting takes for ever: its accept queue is full.
class FullListener {
 public:
  FullListener() {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    socklen_t size = sizeof address;
    listener_.reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    static_cast<void>(::bind(listener_.get(), generic, size));
    ::listen(listener_.get(), 0);
    ::getsockname(listener_.get(), generic, &size);
    port_ = ntohs(address.sin_port);
    for (UniqueFd& filler : fillers_) {
      filler.reset(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
      static_cast<void>(::connect(filler.get(), generic, size));
    }
  }
  std::string url() const { return cat("http://127.0.0.1:", port_, "/"); }

 private:
  UniqueFd listener_;
  std::array<UniqueFd, 4> fillers_;
  int port_ = 0;
};

class HttpWait : public testing::Test {
 protected:
  // Runs a call that never ends, cancels it when `ready` is open; it must return at once.
  void expect_cancelled_at_once(const std::string& url, Gate* ready) {
    CancelSource source;
    Context context = client_.soon();
    context.cancel = source.token();
    std::thread canceller([&] {
      if (ready != nullptr) {
        EXPECT_TRUE(ready->wait());
      } else {
        while (client_.metric("http.in_flight") == 0) std::this_thread::yield();
      }
      cancelled_at_ = client_.clock.now();
      source.cancel();
    });
    StringSink sink;
    const auto response =
        client_.http->fetch_to(context, client_.get(url, Pool::kMedia), kAcceptAll, sink);
    canceller.join();
    EXPECT_TRUE(response.failed_with(ErrorCode::kCancelled)) << response.error().to_string();
    EXPECT_LT(client_.clock.now() - cancelled_at_, 2s);
  }

  TestClient client_;
  TimePoint cancelled_at_;
};

TEST_F(HttpWait, CancelWhileConnecting) {
  FullListener listener;
  expect_cancelled_at_once(listener.url(), nullptr);
}

TEST_F(HttpWait, CancelBeforeTheFirstByte) {
  Gate asked;
  TestServer server([&](const ReceivedRequest&, Peer& peer) {
    asked.open();
    peer.wait_closed();
  });
  expect_cancelled_at_once(server.url(), &asked);
}

TEST_F(HttpWait, CancelInTheMiddleOfTheBody) {
  Gate asked, gone;
  TestServer server([&](const ReceivedRequest&, Peer& peer) {
    peer.write("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nx");
    asked.open();
    peer.wait_closed();
    gone.open();
  });
  expect_cancelled_at_once(server.url(), &asked);
  EXPECT_TRUE(gone.wait());  // the connection is closed too
}

// A lookup cannot be interrupted: nobody may wait for it, neither the caller nor other requests.
TEST_F(HttpWait, CancelWhileANameIsLookedUp) {
  test::StalledResolver resolver;
  test::stalled_resolver = &resolver;
  TestServer server([](const ReceivedRequest&, Peer& peer) { peer.respond(200, "x"); });
  expect_cancelled_at_once("http://stalled.test/", &resolver.asked);
  EXPECT_TRUE(client_.http->fetch(client_.soon(), client_.get(server.url(), Pool::kMedia)).ok());
  resolver.answer.open();
  client_.http.reset();
  test::stalled_resolver = nullptr;
}

TEST_F(HttpWait, ACancelledContextSendsNothing) {
  TestServer server([](const ReceivedRequest&, Peer& peer) { peer.respond(200, "x"); });
  CancelSource source;
  source.cancel();
  Context context;
  context.cancel = source.token();
  EXPECT_TRUE(
      client_.http->fetch(context, client_.get(server.url())).failed_with(ErrorCode::kCancelled));
  EXPECT_TRUE(server.requests().empty());
}

TEST_F(HttpWait, DeadlinePassesInEveryStage) {
  TestServer silent([](const ReceivedRequest&, Peer& peer) { peer.wait_closed(); });
  TestServer stalling([](const ReceivedRequest&, Peer& peer) { stall_in_body(peer); });
  FullListener listener;
  for (const std::string& url : {silent.url(), stalling.url(), listener.url()}) {
    const TimePoint start = client_.clock.now();
    const Context context{.deadline = start + 100ms};
    EXPECT_TRUE(
        client_.http->fetch(context, client_.get(url)).failed_with(ErrorCode::kDeadlineExceeded));
    StringSink sink;
    EXPECT_TRUE(client_.http
                    ->fetch_to(Context{.deadline = client_.clock.now() + 100ms},
                               client_.get(url, Pool::kMedia), kAcceptAll, sink)
                    .failed_with(ErrorCode::kDeadlineExceeded));
    EXPECT_LT(client_.clock.now() - start, 5s);
  }
}

TEST_F(HttpWait, ConnectingHasItsOwnLimit) {
  FullListener listener;
  Request request = client_.get(listener.url());
  request.connect_timeout = 150ms;
  const auto response = client_.http->fetch(client_.soon(), std::move(request));
  ASSERT_TRUE(response.failed_with(ErrorCode::kUnavailable)) << response.error().to_string();
  EXPECT_TRUE(response.error().retryable);
}

TEST_F(HttpWait, AStallIsNoticed) {
  TestServer silent([](const ReceivedRequest&, Peer& peer) { peer.wait_closed(); });
  TestServer stalling([](const ReceivedRequest&, Peer& peer) { stall_in_body(peer); });
  for (const std::string& url : {silent.url(), stalling.url()}) {
    Request request = client_.get(url, Pool::kMedia);
    request.idle_timeout = 150ms;
    StringSink sink;
    const TimePoint start = client_.clock.now();
    const auto response =
        client_.http->fetch_to(client_.soon(), std::move(request), kAcceptAll, sink);
    ASSERT_TRUE(response.failed_with(ErrorCode::kUnavailable)) << response.error().to_string();
    EXPECT_TRUE(response.error().retryable);
    EXPECT_GE(client_.clock.now() - start, 150ms);
    EXPECT_LT(client_.clock.now() - start, 5s);
  }
}

TEST_F(HttpWait, ASlowTrickleIsNoStall) {
  TestServer server([this](const ReceivedRequest&, Peer& peer) {
    peer.write("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n");
    for (int i = 0; i < 6; ++i) {
      EXPECT_TRUE(sleep_until({}, client_.clock, client_.clock.now() + 250ms).ok());
      peer.write("x");
    }
  });
  Request request = client_.get(server.url(), Pool::kMedia);
  request.idle_timeout = 1s;
  const auto response = client_.http->fetch(client_.soon(), std::move(request));
  ASSERT_TRUE(response.ok()) << response.error().to_string();
  EXPECT_EQ(response->body, "xxxxxx");
}

// Observes and remembers; its callbacks after destruction of the Call would be seen by sanitizers.
class Recorder : public CallObserver {
 public:
  bool on_head(const Response&) override { return true; }
  std::size_t on_data(std::span<const std::byte> data) override {
    first_data.open();
    return take ? data.size() : 0;
  }
  void on_done(Result<Response> given) override {
    result = std::move(given);
    done.open();
  }
  std::atomic<bool> take = true;
  Gate first_data, done;
  std::optional<Result<Response>> result;
};

TEST_F(HttpWait, DestroyingACallInEachStageIsQuick) {
  Gate asked;
  TestServer server([&](const ReceivedRequest& request, Peer& peer) {
    asked.open();
    if (request.target == "/body") return stall_in_body(peer);
    peer.wait_closed();
  });
  FullListener listener;
  const TimePoint start = client_.clock.now();
  {
    Recorder recorder;
    const auto connecting = client_.http->start(client_.get(listener.url()), recorder);
  }
  {
    Recorder recorder;
    const auto waiting = client_.http->start(client_.get(server.url("/silent")), recorder);
    EXPECT_TRUE(asked.wait());
  }
  for (const bool take : {true, false}) {  // false: paused
    Recorder recorder;
    recorder.take = take;
    const auto streaming = client_.http->start(client_.get(server.url("/body")), recorder);
    EXPECT_TRUE(recorder.first_data.wait());
  }
  EXPECT_LT(client_.clock.now() - start, 5s);
  while (client_.metric("http.in_flight") != 0) std::this_thread::yield();
}

TEST_F(HttpWait, CancelIsAnsweredByOnDone) {
  TestServer server([](const ReceivedRequest&, Peer& peer) { stall_in_body(peer); });
  Recorder recorder;
  const auto call = client_.http->start(client_.get(server.url()), recorder);
  EXPECT_TRUE(recorder.first_data.wait());
  call->cancel();
  call->cancel();
  EXPECT_TRUE(recorder.done.wait());
  EXPECT_TRUE(recorder.result->failed_with(ErrorCode::kCancelled));
}

TEST_F(HttpWait, ACallMayBeDestroyedInItsOwnCallbacks) {
  TestServer server([](const ReceivedRequest&, Peer& peer) { peer.respond(200, "xyz"); });
  class Suicidal final : public CallObserver {
   public:
    bool on_head(const Response&) override { return true; }
    std::size_t on_data(std::span<const std::byte> data) override {
      EXPECT_TRUE(assigned.wait());
      if (!in_done) end();
      return data.size();
    }
    void on_done(Result<Response>) override {
      EXPECT_TRUE(in_done);
      end();
    }
    void end() {
      call.reset();
      ended.open();
    }
    bool in_done = false;
    Gate assigned, ended;
    std::unique_ptr<Call> call;
  };
  for (const bool in_done : {false, true}) {
    Suicidal observer;
    observer.in_done = in_done;
    observer.call = client_.http->start(client_.get(server.url()), observer);
    observer.assigned.open();
    EXPECT_TRUE(observer.ended.wait());
    EXPECT_TRUE(client_.http->fetch(client_.soon(), client_.get(server.url())).ok());
  }
}

TEST_F(HttpWait, DestroyingTheClientEndsItsCalls) {
  TestServer server([](const ReceivedRequest&, Peer& peer) { stall_in_body(peer); });
  auto client = std::make_unique<TestClient>(Options{.max_media_connections = 1});
  std::array<Recorder, 3> recorders;  // one streams, two wait for its connection
  std::vector<std::unique_ptr<Call>> calls;
  calls.reserve(recorders.size());
  for (Recorder& recorder : recorders) {
    calls.push_back(client->http->start(client->get(server.url(), Pool::kMedia), recorder));
  }
  EXPECT_TRUE(recorders[0].first_data.wait());
  HttpClient& http = *client->http;
  std::thread fetching([&] {
    const auto response = http.fetch({}, client->get(server.url(), Pool::kMetadata));
    EXPECT_TRUE(response.failed_with(ErrorCode::kCancelled));
  });
  while (client->metric("http.in_flight") != 4) std::this_thread::yield();
  client->http.reset();
  fetching.join();
  for (Recorder& recorder : recorders) {
    EXPECT_TRUE(recorder.done.wait());
    EXPECT_TRUE(recorder.result->failed_with(ErrorCode::kCancelled));
  }
  calls[0]->resume();  // to a client that is gone: nothing
  calls[1]->cancel();
}

}  // namespace
}  // namespace driveway::http
