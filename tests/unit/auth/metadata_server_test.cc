#include "auth/metadata_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <atomic>

#include "auth/choose_source.h"
#include "unit/auth/token_server.h"

namespace driveway::auth {
namespace {

using test::AuthFixture;
using test::Peer;
using test::ReceivedRequest;
using test::TestServer;
using testing::AllOf;
using testing::HasSubstr;
using namespace std::chrono_literals;

constexpr std::string_view kPath = "/computeMetadata/v1/instance/service-accounts/default/token";
constexpr const char* kFlavor = "Metadata-Flavor";

class MetadataTest : public testing::Test {
 protected:
  MetadataTest() {
    fixture_.environment.no_metadata = false;
    fixture_.environment.metadata_host = host();
    fixture_.server.say_of_tokens(info("https://www.googleapis.com/auth/drive"));
  }
  static test::TokenAnswerText info(const std::string& scopes) {
    return {200, cat(R"({"scope":")", scopes, R"(","expires_in":"1800"})"), {}};
  }
  std::string host() const { return cat("127.0.0.1:", metadata_.port()); }
  Result<std::unique_ptr<TokenSource>> choose(Method::Kind kind = Method::Kind::kMetadata) {
    return choose_source({.method = {kind}}, fixture_.environment, *fixture_.client.http,
                         fixture_.clock);
  }
  std::unique_ptr<Grant> grant(std::vector<MetadataHost> hosts, Clock& clock, Duration patience) {
    return make_metadata_grant(
        {std::move(hosts), patience, Error{ErrorCode::kLoginNeeded, "nobody"}},
        *fixture_.client.http,
        TokenInspector(*fixture_.client.http, clock, fixture_.environment.oauth_url), clock);
  }

  void serve(const ReceivedRequest& request, Peer& peer) {
    EXPECT_EQ(request.header("metadata-flavor"), "Google");
    if (request.target == "/") return peer_answer(peer, 200, "computeMetadata/");
    const int number = ++asked_;
    if (number <= missing_) return peer_answer(peer, 404, "<html>");
    if (!request.target.starts_with(kPath)) return peer_answer(peer, 400, "<html>");
    if (request.target.ends_with("?scopes=https%3A%2F%2Fwww.googleapis.com%2Fauth%2Fdrive") &&
        widens_) {
      fixture_.server.say_of_tokens(info("https://www.googleapis.com/auth/drive"));
    }
    peer_answer(peer, 200,
                cat(R"({"access_token":"ya29.)", number, R"(","expires_in":3599)", extra_, "}"));
  }
  void peer_answer(Peer& peer, int status, const std::string& body) const {
    std::vector<std::pair<std::string, std::string>> headers;
    if (says_flavor_) headers.emplace_back(kFlavor, "Google");
    peer.respond(status, body, headers);
  }

  std::atomic<int> asked_ = 0;
  std::atomic<int> missing_ = 0;  // so many first requests find no token
  std::atomic<bool> says_flavor_ = true;
  std::atomic<bool> widens_ = false;
  std::string extra_;
  AuthFixture fixture_;
  TestServer metadata_{
      [this](const ReceivedRequest& request, Peer& peer) { serve(request, peer); }};
};

TEST_F(MetadataTest, GivesTokensAndRenewsThem) {
  const auto tokens = choose();
  ASSERT_TRUE(tokens.ok()) << tokens.error().to_string();
  const auto token = (*tokens)->token({});
  ASSERT_TRUE(token.ok()) << token.error().to_string();
  EXPECT_EQ(token->value.reveal(), "ya29.1");
  EXPECT_TRUE(allows_drive(token->scopes));
  fixture_.clock.advance(3599s - 100s);
  EXPECT_EQ((*tokens)->token({})->value.reveal(), "ya29.2");
  EXPECT_EQ((*tokens)->describe(), "metadata server");
  EXPECT_EQ((*tokens)->fingerprint(), "");
}

TEST_F(MetadataTest, IsTheLastThatIsTried) {
  EXPECT_EQ((*choose(Method::Kind::kAuto))->token({})->value.reveal(), "ya29.1");
  fixture_.environment.access_token = Secret("ya29.variable");
  EXPECT_EQ((*choose(Method::Kind::kAuto))->token({})->value.reveal(), "ya29.variable");
  fixture_.environment.access_token = Secret();
  fixture_.environment.no_metadata = true;
  EXPECT_TRUE(choose(Method::Kind::kAuto).failed_with(ErrorCode::kLoginNeeded));
  EXPECT_TRUE((*choose())->token({}).ok());  // it was asked for
}

TEST_F(MetadataTest, AConsentThatComesLateIsWaitedFor) {
  missing_ = 3;
  EXPECT_TRUE((*choose())->token({}).ok());
  missing_ = 1000;
  const auto token = (*choose())->token({});
  ASSERT_TRUE(token.failed_with(ErrorCode::kLoginNeeded));
  EXPECT_THAT(token.error().message, HasSubstr("auth.authenticate_user()"));
  EXPECT_EQ(asked_, 4 + 4);
}

TEST_F(MetadataTest, ATokenThatWorksSurvivesAServerThatHasNone) {
  const auto tokens = choose();
  ASSERT_TRUE((*tokens)->token({}).ok());
  missing_ = 1000;
  fixture_.clock.advance(3599s - 100s);
  EXPECT_EQ((*tokens)->token({})->value.reveal(), "ya29.1");
  fixture_.clock.advance(100s);
  EXPECT_TRUE((*tokens)->token({}).failed_with(ErrorCode::kLoginNeeded));
}

TEST_F(MetadataTest, TheScopesAreLookedAtFirst) {
  fixture_.server.say_of_tokens(info("https://www.googleapis.com/auth/cloud-platform"));
  const auto narrow = (*choose())->token({});
  ASSERT_TRUE(narrow.failed_with(ErrorCode::kLoginNeeded));
  EXPECT_THAT(narrow.error().message, HasSubstr("no access to Drive"));
  widens_ = true;
  EXPECT_TRUE((*choose())->token({}).ok());
  fixture_.server.say_of_tokens({500, "", {}});
  extra_ = R"(,"scope":"openid")";
  EXPECT_TRUE((*choose())->token({}).failed_with(ErrorCode::kLoginNeeded));
}

TEST_F(MetadataTest, OnlyGooglesIsBelievedUnlessItIsNamed) {
  std::string version;
  const auto googles = grant({{cat("http://", host()), false}}, fixture_.clock, 1s);
  EXPECT_TRUE(googles->obtain({}, 1, version).ok());
  says_flavor_ = false;
  EXPECT_TRUE(
      grant({{cat("http://", host()), true}}, fixture_.clock, 1s)->obtain({}, 1, version).ok());
  const auto other =
      grant({{cat("http://", host()), false}}, fixture_.clock, 1s)->obtain({}, 8, version);
  ASSERT_FALSE(other.ok());
  EXPECT_EQ(other.error().message, "nobody");
}

// Takes connections and never answers.
class SilentServer {
 public:
  SilentServer() : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    EXPECT_EQ(::bind(socket_.get(), generic, size), 0);
    EXPECT_EQ(::listen(socket_.get(), 16), 0);
    EXPECT_EQ(::getsockname(socket_.get(), generic, &size), 0);
    url_ = cat("http://127.0.0.1:", ntohs(address.sin_port));
  }
  const std::string& url() const { return url_; }

 private:
  const UniqueFd socket_;
  std::string url_;
};

TEST_F(MetadataTest, AMachineWithoutOneWaitsForASecond) {
  SystemClock clock;
  const SilentServer silent;
  std::string version;
  const TimePoint start = clock.now();
  const auto none =
      grant({{silent.url(), false}, {silent.url(), false}}, clock, 200ms)->obtain({}, 8, version);
  EXPECT_LT(clock.now() - start, 5s);  // on a busy machine
  ASSERT_FALSE(none.ok());
  EXPECT_EQ(none.error().message, "nobody");
  const auto next = grant({{silent.url(), false}, {cat("http://", host()), true}}, clock, 200ms)
                        ->obtain({}, 8, version);
  EXPECT_TRUE(next.ok());  // one that is silent leaves time for the others
}

TEST_F(MetadataTest, WhereItMayBe) {
  Environment environment;
  EXPECT_EQ(metadata_hosts(environment).size(), 2U);
  environment.colab_broker = "172.28.0.1:8009";
  EXPECT_EQ(metadata_hosts(environment).back().url, "http://172.28.0.1:8009");
  environment.metadata_host = "localhost:1";
  ASSERT_EQ(metadata_hosts(environment).size(), 1U);
  EXPECT_EQ(metadata_hosts(environment).front().url, "http://localhost:1");
}

}  // namespace
}  // namespace driveway::auth
