// Certificates are checked, against SSL_CERT_FILE where it is set; proxies by environment.
#include <thread>

#include "http/http_client.h"
#include "unit/http/test_client.h"
#include "unit/http/test_tls.h"

namespace driveway::http {
namespace {

using test::pattern;
using test::Peer;
using test::ReceivedRequest;
using test::ScopedVariable;
using test::StringSink;
using test::TestAuthority;
using test::TestClient;
using test::TestServer;
using ::testing::HasSubstr;

class HttpTls : public testing::Test {
 protected:
  const TemporaryFolder folder_;
  const std::string ca_file_ = (folder_.path() / "ca.pem").string();
};

TEST_F(HttpTls, TrustsTheAuthorityInSslCertFile) {
  TestAuthority authority(ca_file_);
  const std::string body = pattern(5'000'000);
  TestServer server([&](const ReceivedRequest&, Peer& peer) { peer.respond(200, body); },
                    authority.wrap());
  const ScopedVariable file("SSL_CERT_FILE", ca_file_.c_str());
  TestClient client;
  for (const Pool pool : {Pool::kMetadata, Pool::kMedia}) {
    for (int i = 0; i < 3; ++i) {
      StringSink sink;
      const auto response = client.http->fetch_to(
          client.soon(), client.get(server.url("/", "https"), pool),
          [](const Response&) { return true; }, sink);
      ASSERT_TRUE(response.ok()) << response.error().to_string();
      EXPECT_TRUE(sink.text == body);
    }
  }
  EXPECT_EQ(server.connections(), 2);  // one per pool, however many requests
}

TEST_F(HttpTls, ManyConnectionsShareTheirRoots) {
  TestAuthority authority(ca_file_);
  std::atomic<int> here = 0;
  test::Gate all;
  TestServer server(
      [&](const ReceivedRequest&, Peer& peer) {
        if (++here == 16) all.open();
        EXPECT_TRUE(all.wait());
        peer.respond(200, "x");
      },
      authority.wrap());
  const ScopedVariable file("SSL_CERT_FILE", ca_file_.c_str());
  TestClient client;
  std::vector<std::thread> threads;
  threads.reserve(16);
  for (int i = 0; i < 16; ++i) {
    threads.emplace_back([&] {
      const auto response =
          client.http->fetch(client.soon(), client.get(server.url("/", "https"), Pool::kMedia));
      EXPECT_TRUE(response.ok()) << response.error().to_string();
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(server.connections(), 16);
}

// A request that times out must take its connection with it: libcurl keeps one of HTTP/2.
TEST_F(HttpTls, SpeaksHttp1AlsoWhereHttp2IsOffered) {
  TestAuthority authority(ca_file_);
  authority.prefer_http2();
  TestServer server([](const ReceivedRequest&, Peer& peer) { peer.respond(200, "x"); },
                    authority.wrap());
  const ScopedVariable file("SSL_CERT_FILE", ca_file_.c_str());
  TestClient client;
  for (const Pool pool : {Pool::kMetadata, Pool::kMedia}) {
    const auto response =
        client.http->fetch(client.soon(), client.get(server.url("/", "https"), pool));
    ASSERT_TRUE(response.ok()) << response.error().to_string();
    EXPECT_EQ(response->body, "x");
  }
}

TEST_F(HttpTls, RefusesAnUnknownAuthority) {
  TestAuthority authority(ca_file_);
  TestServer server([](const ReceivedRequest&, Peer& peer) { peer.respond(200, "x"); },
                    authority.wrap());
  const TemporaryFolder other_folder;
  const std::string other_file = (other_folder.path() / "other.pem").string();
  const TestAuthority other(other_file);
  for (const char* trusted : {static_cast<const char*>(nullptr), other_file.c_str()}) {
    const ScopedVariable file("SSL_CERT_FILE", trusted);
    TestClient client;
    const auto response = client.http->fetch(client.soon(), client.get(server.url("/", "https")));
    ASSERT_TRUE(response.failed_with(ErrorCode::kCorrupt)) << response.error().to_string();
    EXPECT_FALSE(response.error().retryable);
    EXPECT_THAT(response.error().to_string(), HasSubstr("SSL_CERT_FILE"));
  }
  EXPECT_TRUE(server.requests().empty());
}

TEST_F(HttpTls, RefusesTheCertificateOfAnotherHost) {
  TestAuthority authority(ca_file_, "DNS:elsewhere.test");
  TestServer server([](const ReceivedRequest&, Peer& peer) { peer.respond(200, "x"); },
                    authority.wrap());
  const ScopedVariable file("SSL_CERT_FILE", ca_file_.c_str());
  TestClient client;
  const auto response = client.http->fetch(client.soon(), client.get(server.url("/", "https")));
  EXPECT_TRUE(response.failed_with(ErrorCode::kCorrupt));
}

TEST_F(HttpTls, AFileWithoutCertificatesIsSaid) {
  TestAuthority authority(ca_file_);
  TestServer server([](const ReceivedRequest&, Peer& peer) { peer.respond(200, "x"); },
                    authority.wrap());
  const ScopedVariable file("SSL_CERT_FILE", "/nonexistent/ca.pem");
  TestClient client;
  const auto response = client.http->fetch(client.soon(), client.get(server.url("/", "https")));
  ASSERT_TRUE(response.failed_with(ErrorCode::kCorrupt)) << response.error().to_string();
  EXPECT_THAT(response.error().to_string(), HasSubstr("/nonexistent/ca.pem"));
}

// A proxy for CONNECT that opens a tunnel to `port` whatever it is asked for.
void tunnel(Peer& peer, int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const UniqueFd target(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (::connect(target.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) return;
  peer.write("HTTP/1.1 200 Connected\r\nX-Proxy: 1\r\n\r\n");
  std::thread backwards([&] {
    char data[4096];
    ssize_t count = 0;
    while ((count = ::recv(target.get(), data, sizeof data, 0)) > 0) {
      if (!peer.write(std::string_view(data, static_cast<std::size_t>(count)))) break;
    }
    ::shutdown(peer.fd(), SHUT_RDWR);
  });
  std::string data;
  while (!(data = peer.read_some(4096)).empty()) {
    if (::send(target.get(), data.data(), data.size(), MSG_NOSIGNAL) < 0) break;
  }
  ::shutdown(target.get(), SHUT_RDWR);
  backwards.join();
  peer.close();
}

TEST_F(HttpTls, GoesThroughTheHttpsProxy) {
  TestAuthority authority(ca_file_);
  TestServer server([](const ReceivedRequest&, Peer& peer) { peer.respond(200, "far"); },
                    authority.wrap());
  TestServer proxy([&](const ReceivedRequest& request, Peer& peer) {
    EXPECT_EQ(request.method, "CONNECT");
    tunnel(peer, server.port());
  });
  const ScopedVariable file("SSL_CERT_FILE", ca_file_.c_str());
  const ScopedVariable variable("HTTPS_PROXY", cat("http://127.0.0.1:", proxy.port()).c_str());
  TestClient client;
  Request request = client.get(server.url("/", "https"));
  request.bearer = Secret("ya29.token");
  const auto response = client.http->fetch(client.soon(), std::move(request));
  ASSERT_TRUE(response.ok()) << response.error().to_string();
  EXPECT_EQ(response->body, "far");
  EXPECT_EQ(response->header("x-proxy"), nullptr);
  ASSERT_EQ(proxy.requests().size(), 1U);
  EXPECT_EQ(proxy.requests()[0].target, cat("127.0.0.1:", server.port()));
  EXPECT_FALSE(proxy.requests()[0].headers.contains("authorization"));
  EXPECT_EQ(server.requests().at(0).header("authorization"), "Bearer ya29.token");
}

TEST_F(HttpTls, AProxysPasswordIsInNoError) {
  for (const char* proxy : {"foo://user:pr0xypass@127.0.0.1:1", "http://user:pr0xypass@127.0.0.1:1",
                            "http://user:pr0xypass@no-such-host.invalid:1"}) {
    const ScopedVariable variable("HTTPS_PROXY", proxy);
    TestClient client;
    const auto response = client.http->fetch(client.soon(), client.get("https://127.0.0.1:2/"));
    ASSERT_TRUE(response.failed_with(ErrorCode::kUnavailable)) << response.error().to_string();
    EXPECT_THAT(response.error().to_string(), testing::Not(HasSubstr("pr0xypass")));
  }
}

TEST_F(HttpTls, AWrongClockIsNamed) {
  TestAuthority authority(ca_file_);
  authority.expire();
  TestServer server([](const ReceivedRequest&, Peer& peer) { peer.respond(200, "x"); },
                    authority.wrap());
  const ScopedVariable file("SSL_CERT_FILE", ca_file_.c_str());
  TestClient client;
  const auto response = client.http->fetch(client.soon(), client.get(server.url("/", "https")));
  ASSERT_TRUE(response.failed_with(ErrorCode::kCorrupt)) << response.error().to_string();
  EXPECT_THAT(response.error().to_string(), HasSubstr("clock"));
}

TEST_F(HttpTls, HonoursHttpProxyNoProxyAndUseProxy) {
  TestServer server([](const ReceivedRequest&, Peer& peer) { peer.respond(200, "direct"); });
  TestServer proxy([](const ReceivedRequest&, Peer& peer) { peer.respond(200, "proxied"); });
  const std::string proxy_url = cat("http://127.0.0.1:", proxy.port());
  for (const char* name : {"http_proxy", "HTTP_PROXY"}) {
    const ScopedVariable none("http_proxy", nullptr);
    const ScopedVariable variable(name, proxy_url.c_str());
    TestClient client;
    EXPECT_EQ(client.http->fetch(client.soon(), client.get(server.url()))->body, "proxied");
    Request direct = client.get(server.url());
    direct.use_proxy = false;
    EXPECT_EQ(client.http->fetch(client.soon(), std::move(direct))->body, "direct");
    const ScopedVariable exempt("NO_PROXY", "127.0.0.1");
    EXPECT_EQ(client.http->fetch(client.soon(), client.get(server.url()))->body, "direct");
  }
}

}  // namespace
}  // namespace driveway::http
