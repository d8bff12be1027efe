#include "sim/admin/admin_service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "unit/sim/net_fixture.h"

namespace driveway::sim::test {
namespace {

using nlohmann::json;
using testing::HasSubstr;

class FakeState final : public StateAdmin {
 public:
  Result<json> create_account(const json& spec) override {
    accounts.push_back(spec);
    return json{{"email", spec.at("email")}, {"root_id", "0A"}};
  }
  Result<json> seed(const json& spec) override {
    if (!spec.contains("items")) return Error{ErrorCode::kInvalidArgument, "nothing to seed"};
    return json{{"items", spec.at("items").size()}};
  }
  Result<std::string> dump(const DumpRequest& request) override {
    if (request.account == "nobody") return Error{ErrorCode::kNotFound, "no such account"};
    last_dump = request;
    return std::string("{\"path\":\"a\"}\n");
  }
  bool ready() const override { return is_ready; }

  std::vector<json> accounts;
  DumpRequest last_dump;
  std::atomic<bool> is_ready{false};
};

class FakeTokens final : public TokenAdmin {
 public:
  Status add_account(const std::string& email) override {
    accounts.push_back(email);
    return {};
  }
  Result<IssuedTokens> issue(const TokenRequest& request) override {
    last = request;
    return IssuedTokens{"access", "refresh", request.scopes, 42};
  }
  Result<int> expire_access_tokens(const std::string& account) override {
    return account.empty() ? 7 : 1;
  }
  Result<int> revoke(const std::string&) override { return 3; }
  Result<json> authorized_user(const TokenRequest& request) override {
    last = request;
    return json{{"type", "authorized_user"}};
  }
  Result<json> service_account_key(const std::string& email,
                                   const std::string& token_uri) override {
    return json{{"client_email", email}, {"token_uri", token_uri}};
  }

  std::vector<std::string> accounts;
  TokenRequest last;
};

class SimAdmin : public ServerTest {
 protected:
  void SetUp() override {
    engine_.services.push_back(&admin_);
    start();
  }
  json get(const std::string& target, int status = 200) {
    const ClientResponse response = client().get(target);
    EXPECT_EQ(response.status, status) << response.body;
    return json::parse(response.body, nullptr, false);
  }
  json post(const std::string& target, const json& body, int status = 200,
            const char* method = "POST") {
    const ClientResponse response = client().post(target, body.dump(), method);
    EXPECT_EQ(response.status, status) << response.body;
    return json::parse(response.body, nullptr, false);
  }

  FakeState state_;
  FakeTokens tokens_;
  std::atomic<int> stops_{0};
  AdminService admin_{AdminParts{engine_, state_, tokens_, "PEM", [this] { ++stops_; }}};
};

TEST_F(SimAdmin, Configuration) {
  EXPECT_EQ(get("/__sim/config")["profile"], "lan");
  EXPECT_EQ(post("/__sim/config", {{"quota", "legacy"}}, 200, "PATCH")["quota"], "legacy");
  EXPECT_EQ(config_.get()->quota, QuotaModel::kLegacy);
  EXPECT_EQ(post("/__sim/profile/colab", json::object())["network"]["get_latency"], 120);
  EXPECT_THAT(post("/__sim/config", {{"drive", {{"lag", 1}}}}, 400, "PATCH")["error"],
              HasSubstr("drive.lag"));
  post("/__sim/profile/moon", json::object(), 400);
  EXPECT_EQ(client().post("/__sim/config", "{not json", "PATCH").status, 400);
}

TEST_F(SimAdmin, StatisticsAndLog) {
  patch({{"faults", {{"error_429", 1}, {"budget", 1}}}});
  RawClient one = client();  // one connection: its requests are noted in order
  one.get("/t/get");
  one.get("/t/get");
  one.get("/t/list");
  await_log();
  json stats = get("/__sim/stats");
  EXPECT_EQ(stats["requests"], 3);
  EXPECT_EQ(stats["methods"]["/t/get"]["statuses"], json::parse(R"({"200":1,"429":1})"));
  EXPECT_EQ(stats["faults"]["error_429"], 1);
  EXPECT_EQ(stats["faults"]["reset"], 0);
  EXPECT_EQ(stats["refusals"], json::parse(R"({"quota":0,"writes":0})"));
  const json log = get("/__sim/log?method=/t/get&since=1&limit=5");
  ASSERT_EQ(log["entries"].size(), 1u);
  EXPECT_EQ(log["entries"][0]["status"], 200);
  get("/__sim/log?since=x", 400);
  post("/__sim/stats/reset", json::object());
  stats = get("/__sim/stats");
  EXPECT_EQ(stats["requests"], 0);
  EXPECT_EQ(stats["faults"]["error_429"], 0);
}

TEST_F(SimAdmin, StateAndAccounts) {
  get("/__sim/ready", 503);
  state_.is_ready = true;
  EXPECT_EQ(get("/__sim/ready")["ready"], true);
  EXPECT_EQ(post("/__sim/accounts", {{"email", "b@x"}})["root_id"], "0A");
  EXPECT_EQ(tokens_.accounts, std::vector<std::string>{"b@x"});
  EXPECT_EQ(post("/__sim/seed", {{"items", json::array({1, 2})}})["items"], 2);
  EXPECT_EQ(post("/__sim/seed", json::object(), 400)["error"], "nothing to seed");
  const ClientResponse dump = client().get("/__sim/dump?account=b%40x&drive=Team&trashed=1");
  EXPECT_EQ(dump.header("Content-Type"), "application/x-ndjson");
  EXPECT_EQ(dump.body, "{\"path\":\"a\"}\n");
  EXPECT_EQ(state_.last_dump.account, "b@x");
  EXPECT_EQ(state_.last_dump.drive, "Team");
  EXPECT_TRUE(state_.last_dump.trashed);
  EXPECT_FALSE(state_.last_dump.shared_with_me);
  get("/__sim/dump?account=nobody", 404);
  EXPECT_EQ(client().get("/__sim/ca.pem").body, "PEM");
}

TEST_F(SimAdmin, TokensAndCredentials) {
  const json tokens =
      post("/__sim/token", {{"account", "a@x"}, {"scopes", {"s1", "s2"}}, {"life", 5}});
  EXPECT_EQ(tokens["access_token"], "access");
  EXPECT_EQ(tokens["refresh_token"], "refresh");
  EXPECT_EQ(tokens["scope"], "s1 s2");
  EXPECT_EQ(tokens_.last.life, std::chrono::seconds(5));
  post("/__sim/token", {{"acount", "a@x"}}, 400);
  post("/__sim/token", {{"life", -1}}, 400);
  post("/__sim/token", {{"life", 9'000'000'000'000'000'000}}, 400);
  EXPECT_EQ(post("/__sim/tokens/expire", json::object())["expired"], 7);
  EXPECT_EQ(post("/__sim/tokens/expire", {{"account", "a@x"}})["expired"], 1);
  EXPECT_EQ(post("/__sim/tokens/revoke", json::object())["revoked"], 3);
  EXPECT_EQ(post("/__sim/credentials/authorized_user", json::object())["type"], "authorized_user");
  const json key = post("/__sim/credentials/service_account", {{"email", "robot@x"}});
  EXPECT_EQ(key["token_uri"], "https://oauth2.googleapis.com/token");
  EXPECT_EQ(state_.accounts.back()["service_account"], true);
  post("/__sim/credentials/service_account", json::object(), 400);
}

TEST_F(SimAdmin, UnknownEndpointsAndMethods) {
  EXPECT_THAT(get("/__sim/nothing", 404)["error"], HasSubstr("/__sim/nothing"));
  post("/__sim/stats", json::object(), 405);
  EXPECT_EQ(stops_, 0);
  EXPECT_EQ(post("/__sim/stop", json::object())["stopping"], true);
  while (stops_ == 0) std::this_thread::yield();  // the answer comes first
}

}  // namespace
}  // namespace driveway::sim::test
