#include "sim/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include <nlohmann/json.hpp>

#include "unit/base/temporary_folder.h"

namespace driveway::sim {
namespace {

using nlohmann::json;
using testing::HasSubstr;

TEST(SimConfig, ProfilesAreAsTheDesignSays) {
  Config config;
  ASSERT_TRUE(apply_profile("colab", config).ok());
  EXPECT_EQ(config.network.get_latency, Millis(120));
  EXPECT_EQ(config.network.list_latency, Millis(250));
  EXPECT_EQ(config.network.media_first_byte, Millis(350));
  EXPECT_EQ(config.network.write_latency, Millis(350));
  EXPECT_EQ(config.network.jitter, 0.3);
  EXPECT_EQ(config.network.connect_latency, Millis(90));
  EXPECT_EQ(config.network.connection_bandwidth, 40'000'000u);
  EXPECT_EQ(config.network.total_bandwidth, 200'000'000u);
  ASSERT_TRUE(apply_profile("slow", config).ok());
  EXPECT_EQ(config.network.media_first_byte, Millis(1350));
  EXPECT_EQ(config.network.connection_bandwidth, 160'000'000u);
  EXPECT_EQ(config.network.list_latency, Millis(250));
  ASSERT_TRUE(apply_profile("lan", config).ok());
  EXPECT_EQ(config.network.get_latency, Millis(1));
  EXPECT_EQ(config.network.total_bandwidth, 0u);
  EXPECT_EQ(config.network.connect_latency, Millis(0));
  EXPECT_FALSE(apply_profile("moon", config).ok());
  EXPECT_EQ(config.network.profile, "lan");
}

TEST(SimConfig, HostileBringsItsFaultsAndTakesThemAway) {
  Config config;
  config.faults.flip = 0.5;
  ASSERT_TRUE(apply_profile("hostile", config).ok());
  EXPECT_EQ(config.network.get_latency, Millis(120));
  EXPECT_EQ(config.faults.error_5xx, 0.05);
  EXPECT_EQ(config.faults.reset, 0.02);
  EXPECT_EQ(config.faults.stall, 0.01);
  EXPECT_EQ(config.faults.stall_time, Millis(20000));
  EXPECT_EQ(config.drive.list_lag, Millis(30000));
  ASSERT_TRUE(apply_profile("colab", config).ok());
  EXPECT_EQ(config.faults.error_5xx, 0);
  EXPECT_EQ(config.faults.reset, 0);
  EXPECT_EQ(config.drive.list_lag, Millis(0));
  EXPECT_EQ(config.faults.flip, 0.5);
}

TEST(SimConfig, WhatIsPrintedCanBePatchedBack) {
  ConfigStore store{Config{}};
  ASSERT_TRUE(store
                  .patch({{"profile", "colab"},
                          {"quota", "2026"},
                          {"network", {{"jitter", 0}, {"seed", 7}}},
                          {"faults", {{"reset", 0.25}, {"path_prefix", "/drive"}, {"budget", -1}}},
                          {"drive", {{"list_lag", 1500}, {"strict_chunks", false}}},
                          {"oauth", {{"access_token_life", 5}, {"denied_scopes", "a b"}}}})
                  .ok());
  const auto config = store.get();
  EXPECT_EQ(config->quota, QuotaModel::k2026);
  EXPECT_EQ(config->network.jitter, 0);
  EXPECT_EQ(config->network.get_latency, Millis(120));
  EXPECT_EQ(config->faults.reset, 0.25);
  EXPECT_EQ(config->drive.list_lag, Millis(1500));
  EXPECT_FALSE(config->drive.strict_chunks);
  EXPECT_EQ(config->oauth.access_token_life, std::chrono::seconds(5));

  const json printed = store.to_json();
  ConfigStore other{Config{}};
  ASSERT_TRUE(other.patch(printed).ok());
  EXPECT_EQ(other.to_json(), printed);
}

TEST(SimConfig, RefusesWhatItDoesNotKnow) {
  ConfigStore store{Config{}};
  const json before = store.to_json();
  const auto message = [&](const json& change) {
    const Status status = store.patch(change);
    EXPECT_TRUE(status.failed_with(ErrorCode::kInvalidArgument));
    return status.ok() ? std::string() : status.error().message;
  };
  EXPECT_THAT(message({{"faults", {{"rset", 0.5}}}}), HasSubstr("faults.rset"));
  EXPECT_THAT(message({{"fault", json::object()}}), HasSubstr("fault"));
  EXPECT_THAT(message({{"faults", {{"reset", 1.5}}}}), HasSubstr("faults.reset"));
  EXPECT_THAT(message({{"faults", {{"reset", "often"}}}}), HasSubstr("faults.reset"));
  EXPECT_THAT(message({{"faults", {{"budget", -2}}}}), HasSubstr("faults.budget"));
  EXPECT_THAT(message({{"network", {{"get_latency", -1}}}}), HasSubstr("network.get_latency"));
  EXPECT_THAT(message({{"network", {{"get_latency", 1.5}}}}), HasSubstr("network.get_latency"));
  EXPECT_THAT(message({{"quota", "2027"}}), HasSubstr("2027"));
  EXPECT_THAT(message(json::array()), HasSubstr("object"));
  // All or nothing: the good half of a bad change has no effect.
  EXPECT_THAT(message({{"drive", {{"list_lag", 5}}}, {"oauth", {{"x", 1}}}}), HasSubstr("oauth.x"));
  EXPECT_EQ(store.to_json(), before);
}

TEST(SimConfig, TellsItsListeners) {
  ConfigStore store{Config{}};
  int calls = 0;
  store.on_change([&] { ++calls; });
  ASSERT_TRUE(store.patch({{"quota", "legacy"}}).ok());
  EXPECT_FALSE(store.patch({{"quota", "none"}}).ok());
  EXPECT_EQ(calls, 1);
}

TEST(SimConfig, ReadsToml) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "sim.toml";
  std::ofstream(path) << "profile = \"slow\"\nquota = \"legacy\"\n[faults]\nreset = 0.5\n"
                         "dead = true\n[network]\nconnection_bandwidth = 1000\n";
  const auto change = read_config_file(path);
  ASSERT_TRUE(change.ok()) << change.error().to_string();
  ConfigStore store{Config{}};
  ASSERT_TRUE(store.patch(*change).ok());
  EXPECT_EQ(store.get()->network.profile, "slow");
  EXPECT_EQ(store.get()->network.connection_bandwidth, 1000u);
  EXPECT_EQ(store.get()->faults.reset, 0.5);
  EXPECT_TRUE(store.get()->faults.dead);

  std::ofstream(path) << "profile = \n";
  const auto broken = read_config_file(path);
  ASSERT_FALSE(broken.ok());
  EXPECT_THAT(broken.error().message, HasSubstr("sim.toml:1"));
  EXPECT_TRUE(read_config_file(folder.path() / "none").failed_with(ErrorCode::kNotFound));
}

}  // namespace
}  // namespace driveway::sim
