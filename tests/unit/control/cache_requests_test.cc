// The requests that look after the cache, and what `status` says of it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <nlohmann/json.hpp>

#include "control/dispatcher.h"
#include "unit/control/collected.h"
#include "unit/control/fake_vfs.h"

namespace driveway::control {
namespace {

using nlohmann::json;
using namespace std::chrono_literals;
using testing::ElementsAre;

class NoMounts final : public Mounts {
 public:
  std::vector<std::string> mountpoints() const override { return {"/content/drive"}; }
  InodeId top(const std::string&) const override { return tree::Tree::root(); }
  Result<bool> mount(const Context&, const MountRequest&) override { return true; }
  Result<bool> unmount(const Context&, const UnmountRequest&) override { return true; }
};

class CacheRequestsTest : public ::testing::Test {
 protected:
  Status ask(const json& request, Collected& reply) {
    return dispatcher_->handle({.cancel = cancel_.token()}, request, reply);
  }
  json ask(const json& request) {
    Collected reply;
    const Status status = ask(request, reply);
    EXPECT_TRUE(status.ok()) << request << status.error().to_string();
    return reply.documents.empty() ? json() : reply.documents.back();
  }
  static json of(const char* op, const std::vector<std::string>& paths, bool wait = true) {
    json request = {{"op", op}, {"wait", wait}, {"remotes", json::array()}};
    for (const std::string& path : paths) {
      request["remotes"].push_back({{"path", path}, {"name", "drive:" + path}});
    }
    return request;
  }
  void open(Mounts* mounts) {
    dispatcher_ = std::make_unique<Dispatcher>(identity_, vfs_, clock_, metrics_, mounts, 300s);
  }
  // Blocks every fetch until its context ends.
  void block_fetches() {
    vfs_.before_fetch = [this](const Context& context, const tree::Node&) -> Status {
      std::mutex mutex;
      std::condition_variable never;
      std::unique_lock lock(mutex);
      return wait(context, clock_, lock, never, [] { return false; });
    };
  }

  SystemClock clock_;
  Metrics metrics_;
  FakeVfs vfs_;
  NoMounts mounts_;
  CancelSource cancel_;
  const Identity identity_{.account = "",
                           .permission_id = "0123",
                           .cache_dir = "/cache",
                           .layout = tree::Layout::kColab,
                           .docs = tree::DocsMode::kLink,
                           .writes = {},
                           .quota_units_last_minute = [] { return 77; }};
  std::unique_ptr<Dispatcher> dispatcher_ =
      std::make_unique<Dispatcher>(identity_, vfs_, clock_, metrics_, &mounts_, 300s);
};

TEST_F(CacheRequestsTest, PrefetchFetchesAFolderAndSaysSo) {
  Collected reply;
  ASSERT_TRUE(ask(of("prefetch", {""}), reply).ok());
  EXPECT_THAT(reply.events(), ElementsAre("planned", "done"));
  EXPECT_EQ(reply.documents.front()["files"], 2);
  EXPECT_EQ(reply.documents.front()["bytes"], 3 * kMiB + 5);
  EXPECT_EQ(reply.documents.back()["files_done"], 2);
  EXPECT_EQ(reply.documents.back()["bytes_done"], 3 * kMiB + 5);
  // Now it is here.
  Collected again;
  ASSERT_TRUE(ask(of("prefetch", {"a", "big"}), again).ok());
  EXPECT_EQ(again.documents.front()["files"], 0);
  EXPECT_EQ(again.documents.front()["present_files"], 2);
}

TEST_F(CacheRequestsTest, WithoutWaitingItGoesOnInTheBackground) {
  block_fetches();
  Collected reply;
  ASSERT_TRUE(ask(of("prefetch", {"a"}, /*wait=*/false), reply).ok());
  EXPECT_THAT(reply.events(), ElementsAre("queued"));
  const json status = ask({{"op", "status"}});
  ASSERT_EQ(status["prefetches"].size(), 1u);
  EXPECT_EQ(status["prefetches"][0]["files"], 1);
  EXPECT_EQ(status["prefetches"][0]["files_done"], 0);
  dispatcher_.reset();  // ends it
}

TEST_F(CacheRequestsTest, WithoutADaemonItAlwaysWaits) {
  open(nullptr);
  Collected reply;
  ASSERT_TRUE(ask(of("prefetch", {"a"}, /*wait=*/false), reply).ok());
  EXPECT_THAT(reply.events(), ElementsAre("planned", "done"));
}

TEST_F(CacheRequestsTest, WhoGoesAwayEndsWhatHeWaitedFor) {
  block_fetches();
  std::thread leaving([&] {
    while (ask({{"op", "status"}})["prefetches"].empty()) std::this_thread::yield();
    cancel_.cancel();
  });
  Collected reply;
  EXPECT_TRUE(ask(of("prefetch", {"a"}), reply).failed_with(ErrorCode::kCancelled));
  leaving.join();
  while (!ask({{"op", "status"}})["prefetches"].empty()) std::this_thread::yield();
}

TEST_F(CacheRequestsTest, FailuresAreNamedAndTheRestIsDone) {
  vfs_.before_fetch = [](const Context&, const tree::Node& node) -> Status {
    if (node.inode == InodeId(11)) return Error{ErrorCode::kPermissionDenied, "not for you"};
    return {};
  };
  Collected reply;
  ASSERT_TRUE(ask(of("prefetch", {"nowhere", "a", "big"}), reply).ok());
  EXPECT_THAT(reply.events(), ElementsAre("failed", "planned", "failed", "done"));
  EXPECT_EQ(reply.documents[0]["path"], "drive:nowhere");
  EXPECT_EQ(reply.documents[0]["code"], "not_found");
  EXPECT_EQ(reply.documents.back()["files_done"], 1);
  EXPECT_EQ(reply.documents.back()["files_failed"], 1);
  EXPECT_EQ(code_named("permission_denied"), ErrorCode::kPermissionDenied);
}

TEST_F(CacheRequestsTest, PinsHoldAndUnpinLetsGo) {
  ask(of("pin", {"a", "big"}));
  json shown = ask({{"op", "cache_show"}});
  EXPECT_EQ(shown["capacity"], 16 * kMiB);
  ASSERT_TRUE(vfs_.cache().flush().ok());
  EXPECT_EQ(ask({{"op", "cache_show"}})["pinned_contents"], 2);
  EXPECT_EQ(ask({{"op", "cache_clear"}})["evicted_contents"], 0);
  EXPECT_EQ(ask(of("evict", {""}))["pinned"], 2);
  EXPECT_EQ(ask(of("unpin", {"a"}))["unpinned"], 1);
  EXPECT_EQ(ask(of("unpin", {"a"}))["unpinned"], 0);
  EXPECT_EQ(ask({{"op", "cache_clear"}})["evicted_contents"], 1);
  EXPECT_EQ(ask({{"op", "cache_clear"}, {"all", true}})["evicted_contents"], 1);
}

TEST_F(CacheRequestsTest, EvictSaysWhatItKept) {
  ask(of("prefetch", {""}));
  const auto held =
      vfs_.cache().open_content(*drive::content_id(*vfs_.node(InodeId(11))->item), 3 * kMiB);
  ASSERT_TRUE(held.ok());
  Collected reply;
  ASSERT_TRUE(ask(of("evict", {"a", "big"}), reply).ok());
  EXPECT_THAT(reply.events(), ElementsAre("kept", "done"));
  EXPECT_EQ(reply.documents[0]["path"], "drive:big");
  EXPECT_EQ(reply.documents[0]["why"], "open");
  EXPECT_EQ(reply.documents[1]["evicted"], 1);
  EXPECT_EQ(reply.documents[1]["open"], 1);
}

TEST_F(CacheRequestsTest, TrimGoesDownToTheAmount) {
  ask(of("prefetch", {""}));
  EXPECT_EQ(ask({{"op", "cache_trim"}})["evicted_contents"], 0);
  EXPECT_EQ(ask({{"op", "cache_trim"}, {"to", kMiB}})["evicted_bytes"], 3 * kMiB);
}

TEST_F(CacheRequestsTest, WhatDoesNotFitIsRefusedBeforeItIsFetchedOrPinned) {
  ASSERT_TRUE(vfs_.cache().open_content(ContentId("other"), 14 * kMiB).ok());
  {
    auto other = *vfs_.cache().open_content(ContentId("other"), 14 * kMiB);
    const std::string bytes(14 * kMiB, 'o');
    ASSERT_TRUE(other->write(0, std::as_bytes(std::span(bytes))).ok());
    ASSERT_TRUE(other->commit({0, bytes.size()}).ok());
    other->set_pinned(true);
  }
  ASSERT_TRUE(vfs_.cache().flush().ok());
  for (const char* op : {"prefetch", "pin"}) {
    Collected reply;
    EXPECT_TRUE(ask(of(op, {"big"}), reply).failed_with(ErrorCode::kNoSpace)) << op;
    EXPECT_TRUE(reply.events().empty()) << op;
  }
  EXPECT_EQ(ask({{"op", "cache_show"}})["pinned_contents"], 1);
}

TEST_F(CacheRequestsTest, OddRequestsAreRefused) {
  for (const json& request : {json{{"op", "prefetch"}}, json{{"op", "pin"}, {"remotes", "a"}},
                              json{{"op", "evict"}, {"remotes", json::array()}}}) {
    Collected reply;
    EXPECT_TRUE(ask(request, reply).failed_with(ErrorCode::kInvalidArgument)) << request;
  }
  Collected reply;
  EXPECT_TRUE(ask({{"op", "unpin"}, {"remotes", {7}}}, reply).ok());
  EXPECT_THAT(reply.events(), ElementsAre("failed", "done"));
  EXPECT_FALSE(ask({{"op", "cache_trim"}, {"to", "much"}}).is_null());
}

TEST_F(CacheRequestsTest, StatusDerivesItsFigures) {
  json status = ask({{"op", "status"}});
  EXPECT_FALSE(status["cache"].contains("hit_ratio"));
  EXPECT_EQ(status["quota"]["units_last_minute"], 77);
  EXPECT_EQ(status["metrics"]["drive.quota.units_last_minute"], 77);
  metrics_.counter("vfs.read_bytes.cache").add(300);
  metrics_.counter("vfs.read_bytes.drive").add(60);
  metrics_.counter("vfs.read_bytes.uncached").add(40);
  metrics_.gauge("transfer.in_flight_bytes").set(9);
  metrics_.gauge("drive.quota.waiting").set(3);
  metrics_.histogram("drive.read.latency").record(100ms);
  status = ask({{"op", "status"}});
  EXPECT_DOUBLE_EQ(status["cache"]["hit_ratio"].get<double>(), 0.75);
  EXPECT_EQ(status["reads"],
            (json{{"cache_bytes", 300}, {"drive_bytes", 60}, {"uncached_bytes", 40}}));
  EXPECT_EQ(status["in_flight_bytes"], 9);
  EXPECT_EQ(status["waiting"]["quota"], 3);
  EXPECT_EQ(status["latency"]["read"]["count"], 1);
  EXPECT_GE(status["latency"]["read"]["p50_us"], 90'000);
  EXPECT_EQ(status["cached_bytes"], status["cache"]["bytes"]);
}

}  // namespace
}  // namespace driveway::control
