// The whole simulator in one process.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include <nlohmann/json.hpp>

#include "sim/sim.h"
#include "unit/base/temporary_folder.h"
#include "unit/sim/net_client.h"

namespace driveway::sim::test {
namespace {

using nlohmann::json;
using testing::HasSubstr;

constexpr char kSeed[] =
    R"({"items":[{"path":"a/b.txt","content":"hello"},{"path":"a/big.bin","size":1000000,"seed":1}]})";

std::uint16_t port_of(const std::string& url) {
  return static_cast<std::uint16_t>(parse_uint(url.substr(url.rfind(':') + 1)).value_or(0));
}

class SimWhole : public testing::Test {
 protected:
  void start(const std::filesystem::path& data = {}) {
    SimOptions options;
    options.accounts = {"demo@example.com", "other@example.com"};
    options.seeds = {kSeed};
    options.data_dir = data;
    options.on_stop = [this] { stop_asked_ = true; };
    auto server = SimServer::start(std::move(options));
    ASSERT_TRUE(server.ok()) << server.error().to_string();
    server_ = std::move(*server);
    while (get("/__sim/ready").status != 200) std::this_thread::yield();
  }
  RawClient client() const { return RawClient(port_of(server_->http_url())); }
  ClientResponse get(const std::string& target, const std::string& headers = "") const {
    return client().get(target, headers);
  }
  std::vector<json> dump() const {
    std::vector<json> items;
    const std::string text = get("/__sim/dump").body;
    for (const std::string_view line : split(text, '\n')) {
      if (!line.empty()) items.push_back(json::parse(line));
    }
    return items;
  }
  std::string bearer(const std::string& body = "{}") const {
    const json tokens = json::parse(client().post("/__sim/token", body).body);
    return cat("Authorization: Bearer ", tokens.at("access_token").get<std::string>(), "\r\n");
  }

  std::unique_ptr<SimServer> server_;
  std::atomic<bool> stop_asked_{false};
};

TEST_F(SimWhole, ATokenOpensTheSeededTree) {
  start();
  const auto items = dump();
  ASSERT_EQ(items.size(), 3u);
  const auto file = std::find_if(items.begin(), items.end(),
                                 [](const json& item) { return item["path"] == "a/b.txt"; });
  ASSERT_NE(file, items.end());
  EXPECT_EQ(file->at("md5Checksum"), "5d41402abc4b2a76b9719d911017c592");
  const std::string target = cat("/drive/v3/files/", file->at("id").get<std::string>());
  EXPECT_EQ(get(target + "?alt=media", bearer()).body, "hello");
  EXPECT_EQ(json::parse(get(target, bearer()).body)["name"], "b.txt");
  // Another account does not see it, and an expired token opens nothing.
  EXPECT_EQ(get(target, bearer(R"({"account":"other@example.com"})")).status, 404);
  const std::string token = bearer();
  EXPECT_EQ(client().post("/__sim/tokens/expire", "{}").status, 200);
  EXPECT_EQ(get(target, token).status, 401);
}

TEST_F(SimWhole, KeepsItsDataAndSeedsOnce) {
  const TemporaryFolder folder;
  start(folder.path() / "data");
  const auto before = dump();
  const std::string ca = get("/__sim/ca.pem").body;
  EXPECT_EQ(server_->ca_path(), folder.path() / "data" / "ca" / "ca.pem");
  server_.reset();
  start(folder.path() / "data");
  EXPECT_EQ(dump(), before);
  EXPECT_EQ(get("/__sim/ca.pem").body, ca);
  server_.reset();  // before its folder
}

TEST_F(SimWhole, ScratchFoldersGo) {
  start();
  const std::filesystem::path ca = server_->ca_path();
  EXPECT_TRUE(std::filesystem::exists(ca));
  server_.reset();
  EXPECT_FALSE(std::filesystem::exists(ca.parent_path()));
}

TEST_F(SimWhole, ServesTheMetadataProtocol) {  // oauth-headless reference 9
  start();
  const ClientResponse token = get("/computeMetadata/v1/instance/service-accounts/default/token",
                                   "Metadata-Flavor: Google\r\n");
  EXPECT_EQ(token.status, 200) << token.body;
  EXPECT_EQ(token.header("Metadata-Flavor"), "Google");
  const std::string header = cat(
      "Authorization: Bearer ", json::parse(token.body)["access_token"].get<std::string>(), "\r\n");
  EXPECT_EQ(get("/drive/v3/about?fields=user", header).status, 200);
}

TEST_F(SimWhole, StopsWhenAsked) {
  start();
  EXPECT_EQ(client().post("/__sim/stop", "").status, 200);
  while (!stop_asked_) std::this_thread::yield();  // the answer comes first
  server_->stop();
  server_->stop();
  EXPECT_FALSE(client().connected());
}

TEST_F(SimWhole, StoppingWritesWhatIsToPersist) {
  const TemporaryFolder folder;
  start(folder.path());
  ASSERT_EQ(client().post("/__sim/seed", R"({"items":[{"path":"late","content":"x"}]})").status,
            200);
  server_->stop();
  EXPECT_THAT(read_file(folder.path() / "state.ndjson").value_or(""), HasSubstr("\"late\""));
  server_.reset();  // before its folder
}

TEST_F(SimWhole, ADataFolderHasOneSimulator) {
  const TemporaryFolder folder;
  start(folder.path());
  SimOptions second;
  second.data_dir = folder.path();
  EXPECT_TRUE(SimServer::start(second).failed_with(ErrorCode::kBusy));
  server_.reset();
  EXPECT_TRUE(SimServer::start(second).ok());
}

TEST_F(SimWhole, ASeedThatFailsLeavesNothing) {
  const TemporaryFolder folder;
  SimOptions options;
  options.data_dir = folder.path();
  options.seeds = {R"({"items":[{"path":"half","content":"x"},{"path":"wrong","size":-1}]})"};
  EXPECT_TRUE(SimServer::start(options).failed_with(ErrorCode::kInvalidArgument));
  EXPECT_FALSE(std::filesystem::exists(folder.path() / "state.ndjson"));
}

TEST_F(SimWhole, ABadSeedIsAnError) {
  SimOptions options;
  options.seeds = {R"({"itmes":[]})"};
  EXPECT_TRUE(SimServer::start(std::move(options)).failed_with(ErrorCode::kInvalidArgument));
  SimOptions broken;
  broken.seeds = {"{"};
  EXPECT_TRUE(SimServer::start(std::move(broken)).failed_with(ErrorCode::kInvalidArgument));
}

}  // namespace
}  // namespace driveway::sim::test
