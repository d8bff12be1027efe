#include <gtest/gtest.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/stat.h>

#include <memory>
#include <thread>

#include "sim/net/ca.h"
#include "unit/base/temporary_folder.h"
#include "unit/sim/net_fixture.h"

namespace driveway::sim::test {
namespace {

// A TLS client that trusts one CA and checks the server's name, as real ones do.
class TlsClient {
 public:
  TlsClient(std::uint16_t port, const std::filesystem::path& ca, const char* host)
      : raw_(port), context_(SSL_CTX_new(TLS_client_method()), &SSL_CTX_free) {
    SSL_CTX_load_verify_locations(context_.get(), ca.c_str(), nullptr);
    SSL_CTX_set_verify(context_.get(), SSL_VERIFY_PEER, nullptr);
    ssl_.reset(SSL_new(context_.get()));
    SSL_set_fd(ssl_.get(), raw_.fd());
    SSL_set_tlsext_host_name(ssl_.get(), host);
    X509_VERIFY_PARAM* verify = SSL_get0_param(ssl_.get());
    if (X509_VERIFY_PARAM_set1_ip_asc(verify, host) != 1) SSL_set1_host(ssl_.get(), host);
    static constexpr unsigned char kAlpn[] = "\x02h2\x08http/1.1";
    SSL_set_alpn_protos(ssl_.get(), kAlpn, sizeof kAlpn - 1);
    connected_ = SSL_connect(ssl_.get()) == 1;
    ERR_clear_error();
  }
  bool connected() const { return connected_; }
  std::string protocol() const {
    const unsigned char* name = nullptr;
    unsigned length = 0;
    SSL_get0_alpn_selected(ssl_.get(), &name, &length);
    return {reinterpret_cast<const char*>(name), length};
  }
  void send(std::string_view text) {
    SSL_write(ssl_.get(), text.data(), static_cast<int>(text.size()));
  }
  // As clients end: with TLS's last words, then the socket.
  void close() {
    SSL_shutdown(ssl_.get());
    raw_.close();
  }
  // Everything that comes until the server ends the connection.
  std::string request(std::string_view text, bool& clean_end) {
    SSL_write(ssl_.get(), text.data(), static_cast<int>(text.size()));
    std::string all;
    char buffer[65536];
    int count = 0;
    while ((count = SSL_read(ssl_.get(), buffer, sizeof buffer)) > 0) {
      all.append(buffer, static_cast<std::size_t>(count));
    }
    clean_end = SSL_get_error(ssl_.get(), count) == SSL_ERROR_ZERO_RETURN;
    ERR_clear_error();
    return all;
  }

 private:
  RawClient raw_;
  std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context_;
  std::unique_ptr<SSL, decltype(&SSL_free)> ssl_{nullptr, &SSL_free};
  bool connected_ = false;
};

class SimTls : public ServerTest {
 protected:
  void start_tls() {
    auto certificates = make_certificates(folder_.path() / "ca");
    ASSERT_TRUE(certificates.ok()) << certificates.error().to_string();
    certificates_ = std::move(*certificates);
    auto context = TlsContext::create(certificates_.server_certificate, certificates_.server_key);
    ASSERT_TRUE(context.ok()) << context.error().to_string();
    engine_.services.push_back(&service_);
    ServerOptions options;
    options.listen = {{"127.0.0.1", 0, true}};
    auto server = Server::start(std::move(options), engine_, std::move(*context));
    ASSERT_TRUE(server.ok()) << server.error().to_string();
    server_ = std::move(*server);
  }

  const TemporaryFolder folder_;
  Certificates certificates_;
};

TEST_F(SimTls, ServesGooglesNamesToThoseWhoTrustItsCa) {
  start_tls();
  for (const char* host :
       {"localhost", "127.0.0.1", "::1", "www.googleapis.com", "oauth2.googleapis.com",
        "accounts.google.com", "drive.googleapis.com", "metadata.google.internal"}) {
    TlsClient client(port(), certificates_.ca_path, host);
    EXPECT_TRUE(client.connected()) << host;
  }
  EXPECT_FALSE(TlsClient(port(), certificates_.ca_path, "example.com").connected());
  EXPECT_FALSE(TlsClient(port(), "/etc/ssl/certs/ca-certificates.crt", "localhost").connected());
}

TEST_F(SimTls, CarriesHttp11) {
  start_tls();
  TlsClient client(port(), certificates_.ca_path, "localhost");
  EXPECT_EQ(client.protocol(), "http/1.1");
  bool clean_end = false;
  const std::string answer =
      client.request("GET /t/media?size=1000000 HTTP/1.1\r\nConnection: close\r\n\r\n", clean_end);
  EXPECT_TRUE(clean_end);
  EXPECT_TRUE(answer.ends_with(PatternContent::text(0, 1'000'000)));
  EXPECT_EQ(stats()["connections"]["tls"], 1);
}

TEST_F(SimTls, TruncationAndResetDiffer) {
  start_tls();
  const std::string request = "GET /t/media?size=1000000 HTTP/1.1\r\n\r\n";
  patch({{"faults", {{"truncate", 1}}}});
  bool clean_end = false;
  TlsClient truncated(port(), certificates_.ca_path, "localhost");
  EXPECT_LT(truncated.request(request, clean_end).size(), 1'000'000u);
  EXPECT_TRUE(clean_end);
  patch({{"faults", {{"truncate", 0}, {"reset", 1}}}});
  TlsClient reset(port(), certificates_.ca_path, "localhost");
  EXPECT_LT(reset.request(request, clean_end).size(), 1'000'000u);
  EXPECT_FALSE(clean_end);
}

TEST_F(SimTls, WhoLeftADeadServerHasWrittenNothing) {
  start_tls();
  patch({{"faults", {{"dead", true}}}});
  TlsClient brief(port(), certificates_.ca_path, "localhost");
  brief.send("POST /t/write HTTP/1.1\r\nContent-Length: 1\r\n\r\nx");
  TlsClient ample(port(), certificates_.ca_path, "localhost");
  ample.send("POST /t/write HTTP/1.1\r\nContent-Length: 50000\r\n\r\n");
  while (engine_.faults.count(FaultKind::kDead) < 2) std::this_thread::yield();
  ample.send(std::string(50'000, 'x'));
  brief.close();
  ample.close();
  patch({{"faults", {{"dead", false}}}});
  await_log();
  EXPECT_EQ(service_.commits, 0);
}

TEST_F(SimTls, HasNoAdmin) {
  start_tls();
  TlsClient client(port(), certificates_.ca_path, "localhost");
  bool clean_end = false;
  EXPECT_TRUE(client.request("GET /__sim/config HTTP/1.1\r\nConnection: close\r\n\r\n", clean_end)
                  .starts_with("HTTP/1.1 404 "));
}

TEST_F(SimTls, PlainHttpOnTheTlsPortJustEnds) {
  start_tls();
  RawClient client = this->client();
  EXPECT_EQ(client.get("/t/get").status, 0);
  EXPECT_TRUE(TlsClient(port(), certificates_.ca_path, "localhost").connected());
}

TEST_F(SimTls, TheCaSurvivesARestart) {
  start_tls();
  const auto again = make_certificates(folder_.path() / "ca");
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again->ca_pem, certificates_.ca_pem);
  EXPECT_NE(again->server_certificate, certificates_.server_certificate);
  struct stat info {};
  ASSERT_EQ(::stat((folder_.path() / "ca" / "ca.key").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  ASSERT_TRUE(write_file_atomically(folder_.path() / "ca" / "ca.key", "rubbish", 0600).ok());
  EXPECT_TRUE(make_certificates(folder_.path() / "ca").failed_with(ErrorCode::kCorrupt));
}

}  // namespace
}  // namespace driveway::sim::test
