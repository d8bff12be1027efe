// The requests that look after what Drive does not have yet, what `status` says of it, and the
// drain before a daemon's end.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <nlohmann/json.hpp>

#include "control/dispatcher.h"
#include "unit/control/fake_vfs.h"

namespace driveway::control {
namespace {

using drive::ItemKind;
using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;
using namespace std::chrono_literals;

class Documents final : public Reply {
 public:
  Status document(const json& document) override {
    if (refuses) return Error{ErrorCode::kUnavailable, "gone"};
    all.push_back(document);
    return {};
  }
  Status bytes(std::span<const std::byte>) override { return {}; }
  const json& last() const { return all.back(); }
  bool refuses = false;
  std::vector<json> all;
};

// One mountpoint, until it is unmounted.
class OneMount final : public Mounts {
 public:
  std::vector<std::string> mountpoints() const override {
    return mounted ? std::vector<std::string>{"/content/drive"} : std::vector<std::string>();
  }
  InodeId top(const std::string&) const override { return tree::Tree::root(); }
  Result<bool> mount(const Context&, const MountRequest&) override {
    if (!mounted) return Error{ErrorCode::kUnavailable, "the daemon is ending", true};
    return true;
  }
  Result<bool> unmount(const Context&, const UnmountRequest& request) override {
    asked = request;
    mounted = false;
    return true;
  }
  std::atomic<bool> mounted{true};
  UnmountRequest asked;
};

class WriteRequestsTest : public ::testing::Test {
 protected:
  void make_writable(Clock* clock = nullptr) {
    vfs_.open_journal();
    if (clock != nullptr) {
      dispatcher_ =
          std::make_unique<Dispatcher>(Identity{}, vfs_, *clock, metrics_, &mounts_, 300s);
    }
  }
  Status ask(const json& request, Documents& reply) {
    return dispatcher_->handle({.cancel = cancel_.token()}, request, reply);
  }
  json ask(const json& request) {
    Documents reply;
    const Status status = ask(request, reply);
    EXPECT_TRUE(status.ok()) << request << (status.ok() ? "" : status.error().to_string());
    return reply.all.empty() ? json() : reply.last();
  }
  json writes() { return ask({{"op", "status"}})["writes"]; }
  // What is to be sent next is refused so.
  void refuse_next(ErrorCode code, const std::string& message) {
    vfs_.change([&](journal::ChangeSet& set, WallTime now) -> Result<journal::Rows> {
      const WallTime later = now + 1min;
      journal::Plan plan = set.next(later, {.steps = 1, .contents = true});
      EXPECT_EQ(plan.steps.size(), 1u);
      DRIVEWAY_TRY(journal::Rows rows, set.began(plan.steps[0], {}, later));
      DRIVEWAY_TRY(auto outcome, set.failed(plan.steps[0], {code, message}, false, later));
      return outcome.rows;
    });
  }
  void drop(std::uint64_t inode) {  // created and removed: never reaches Drive
    vfs_.change(
        [&](journal::ChangeSet& set, WallTime now) { return set.remove(InodeId(inode), now); });
  }
  // A flush that lasts until its context is cancelled.
  void block_flushes() {
    vfs_.on_flush = [this](const Context& context, InodeId) -> Status {
      ++flushes_;
      std::mutex mutex;
      std::condition_variable cancelled;
      std::unique_lock lock(mutex);
      const Context own{.cancel = context.cancel};
      return wait(own, clock_, lock, cancelled, [] { return false; });
    };
  }

  SystemClock clock_;
  Metrics metrics_;
  FakeVfs vfs_;
  OneMount mounts_;
  CancelSource cancel_;
  std::atomic<int> flushes_{0};
  std::unique_ptr<Dispatcher> dispatcher_ =
      std::make_unique<Dispatcher>(Identity{}, vfs_, clock_, metrics_, &mounts_, 300s);
};

// --- status

TEST_F(WriteRequestsTest, WhatIsForReadingOnlyHasNoBacklog) {
  const json status = ask({{"op", "status"}});
  EXPECT_EQ(status["read_only"], true);
  EXPECT_FALSE(status.contains("writes"));
}

TEST_F(WriteRequestsTest, StatusTellsTheBacklogAndWhatItWaitsFor) {  // J11
  make_writable();
  EXPECT_EQ(writes()["changes"], 0);
  vfs_.add_unsent(100, "folder", ItemKind::kFolder, 0);
  vfs_.add_unsent(101, "data.bin", ItemKind::kFile, 3000);
  vfs_.fake_sender.on_its_way = {{.inode = InodeId(101),
                                  .name = "data.bin",
                                  .action = journal::Action::kCreate,
                                  .size = 3000,
                                  .sent = 1000,
                                  .rate = 500}};
  const json now = writes();
  EXPECT_EQ(now["changes"], 2);
  EXPECT_EQ(now["dirty_files"], 1);
  EXPECT_EQ(now["bytes"], 3000);
  EXPECT_EQ(now["failed"], 0);
  EXPECT_GT(now["eta_ms"], 0);
  ASSERT_EQ(now["sending"].size(), 1u);
  EXPECT_EQ(now["sending"][0], (json{{"path", "MyDrive/data.bin"},
                                     {"action", "create"},
                                     {"size", 3000},
                                     {"sent", 1000},
                                     {"rate", 500},
                                     {"eta_ms", 4000}}));
  ASSERT_EQ(now["queue"].size(), 1u) << "what is being sent waits no more";
  EXPECT_EQ(now["queue"][0]["path"], "MyDrive/folder");
  EXPECT_EQ(now["queue"][0]["waiting"], "settle");
  EXPECT_LE(now["queue"][0]["until_ms"], 1000);
  EXPECT_FALSE(now.contains("paused"));
}

TEST_F(WriteRequestsTest, TheQueueIsToldUpToAHundred) {
  make_writable();
  for (std::uint64_t i = 0; i < 120; ++i) {
    vfs_.add_unsent(100 + i, cat("f", i), ItemKind::kFolder, 0);
  }
  EXPECT_EQ(writes()["changes"], 120);
  EXPECT_EQ(writes()["queue"].size(), 100u);
  EXPECT_EQ(writes()["queue"][0]["path"], "MyDrive/f0") << "in the order of their last change";
}

TEST_F(WriteRequestsTest, WhatFailedForGoodIsNamedWithItsReason) {  // E2
  make_writable();
  vfs_.add_unsent(100, "refused", ItemKind::kFile, 10);
  refuse_next(ErrorCode::kPermissionDenied, "The user has not granted write access.");
  const json now = writes();
  EXPECT_EQ(now["failed"], 1);
  ASSERT_EQ(now["failed_items"].size(), 1u);
  EXPECT_EQ(now["failed_items"][0]["path"], "MyDrive/refused");
  EXPECT_EQ(now["failed_items"][0]["code"], "permission_denied");
  EXPECT_THAT(now["failed_items"][0]["message"].get<std::string>(), HasSubstr("write access"));
  EXPECT_TRUE(parse_rfc3339(now["failed_items"][0]["since"].get<std::string>()).ok());
}

TEST_F(WriteRequestsTest, APauseIsExplained) {  // J11, E1, E2
  make_writable();
  vfs_.add_unsent(100, "big", ItemKind::kFile, 10);
  vfs_.add_unsent(101, "next", ItemKind::kFile, 10);
  refuse_next(ErrorCode::kQuotaExceeded, "User rate limit exceeded.");
  json now = writes();
  ASSERT_TRUE(now.contains("paused"));
  EXPECT_EQ(now["paused"]["code"], "quota_exceeded");
  EXPECT_EQ(now["paused"]["message"], "User rate limit exceeded.");
  EXPECT_TRUE(now["paused"].contains("until"));
  ask({{"op", "retry"}});
  EXPECT_FALSE(writes().contains("paused"));
  refuse_next(ErrorCode::kLoginNeeded, "Token has been revoked.");
  now = writes();
  EXPECT_EQ(now["paused"]["code"], "login_needed");
  EXPECT_THAT(now["paused"]["message"].get<std::string>(), HasSubstr("driveway login"));
}

// The pause of hours is told whatever else is in the queue, and whoever stands first there.
TEST_F(WriteRequestsTest, APauseIsExplainedAlsoWhereTheFirstToBeSentHasAnotherProblem) {
  make_writable();
  vfs_.add_unsent(99, "refused", ItemKind::kFile, 10);
  refuse_next(ErrorCode::kUnavailable, "The server is busy.");
  vfs_.add_unsent(100, "big", ItemKind::kFile, 10);
  refuse_next(ErrorCode::kQuotaExceeded, "User rate limit exceeded.");  // the other one pauses
  drop(100);  // it is not even there any more
  vfs_.add_unsent(101, "next", ItemKind::kFile, 10);
  const json now = writes();
  ASSERT_TRUE(now.contains("paused")) << now;
  EXPECT_EQ(now["paused"]["code"], "quota_exceeded");
  EXPECT_TRUE(parse_rfc3339(now["paused"]["since"].get<std::string>()).ok());
  EXPECT_THAT(now["paused"]["meaning"].get<std::string>(), HasSubstr("750 GB a day"));
}

TEST_F(WriteRequestsTest, ARateThatDriveRefusesIsAPauseUntilTheLastOfThem) {  // J11
  make_writable();
  vfs_.add_unsent(100, "one", ItemKind::kFile, 10);
  refuse_next(ErrorCode::kRateLimited, "User rate limit exceeded.");
  EXPECT_EQ(writes()["paused"]["code"], "rate_limited");
  EXPECT_EQ(writes()["paused"]["message"], "User rate limit exceeded.");
}

TEST_F(WriteRequestsTest, ConflictsAndWhatIsLeftInDriveAreTold) {  // J10, J13
  make_writable();
  EXPECT_TRUE(writes()["conflicts"].empty());
  vfs_.add_unsent(100, "notes.txt", ItemKind::kFile, 10);
  vfs_.change([](journal::ChangeSet& set, WallTime now) {
    drive::Item item;
    item.id = FileId("made");
    item.head_revision = Revision("r1");
    item.size = 1000;
    set.notes().uploaded(item, DriveId(), std::nullopt, now);
    item.head_revision = Revision("r2");
    set.notes().uploaded(item, DriveId(), Revision("r1"), now);
    return set.conflict(InodeId(100), "notes (conflict).txt", now);
  });
  const json now = writes();
  ASSERT_EQ(now["conflicts"].size(), 1u);
  EXPECT_EQ(now["conflicts"][0]["name"], "notes.txt");
  EXPECT_EQ(now["conflicts"][0]["kept_as"], "notes (conflict).txt");
  EXPECT_EQ(now["conflicts"][0]["kind"], "name_taken");
  EXPECT_EQ(now["left_in_drive"]["revisions"], 1);
  EXPECT_EQ(now["left_in_drive"]["revision_bytes"], 1000);
}

TEST_F(WriteRequestsTest, WhatWasRemovedIsNamedByWhereItWas) {
  make_writable();
  vfs_.change([](journal::ChangeSet& set, WallTime now) {
    journal::Known known;
    known.id = FileId("id-50");
    known.exists = true;
    known.parent = FileId("id-2");
    known.parent_inode = InodeId(2);
    known.name = "old.bin";
    set.know(InodeId(50), {}, known);
    return set.remove(InodeId(50), now);
  });
  ASSERT_EQ(writes()["queue"].size(), 1u);
  EXPECT_EQ(writes()["queue"][0]["path"], "MyDrive/old.bin");
  EXPECT_EQ(writes()["queue"][0]["action"], "trash");
  EXPECT_EQ(writes()["queue"][0]["waiting"], "hold");  // J8
}

// --- flush

TEST_F(WriteRequestsTest, FlushTellsHowFarItIsAndEndsWhenDriveHasIt) {
  make_writable();
  vfs_.add_unsent(100, "data", ItemKind::kFile, 3000);
  vfs_.on_flush = [&](const Context& context, InodeId inode) -> Status {
    EXPECT_EQ(inode, InodeId());
    EXPECT_EQ(context.deadline, TimePoint::max());
    drop(100);
    return {};
  };
  Documents reply;
  ASSERT_TRUE(ask({{"op", "flush"}}, reply).ok());
  EXPECT_EQ(reply.all.front(), (json{{"event", "progress"},
                                     {"files", 1},
                                     {"files_done", 0},
                                     {"bytes", 3000},
                                     {"bytes_done", 0}}));
  EXPECT_EQ(reply.last(), (json{{"event", "done"},
                                {"files", 1},
                                {"files_done", 1},
                                {"bytes", 3000},
                                {"bytes_done", 3000}}));
}

TEST_F(WriteRequestsTest, FlushOfAPathWaitsForWhatIsBelowIt) {
  make_writable();
  vfs_.add_unsent(100, "data", ItemKind::kFile, 3000);
  std::vector<InodeId> flushed;
  vfs_.on_flush = [&](const Context&, InodeId inode) -> Status {
    flushed.push_back(inode);
    return {};
  };
  EXPECT_EQ(ask({{"op", "flush"}, {"path", "a"}})["files"], 0);
  EXPECT_EQ(ask({{"op", "flush"}, {"path", ""}})["files"], 1);
  EXPECT_THAT(flushed, ElementsAre(InodeId(10), InodeId(2)));
  Documents reply;
  EXPECT_TRUE(ask({{"op", "flush"}, {"path", "none"}}, reply).failed_with(ErrorCode::kNotFound));
}

TEST_F(WriteRequestsTest, AFlushWhoseTimeIsOverSaysHowMuchIsLeft) {
  make_writable();
  vfs_.add_unsent(100, "data", ItemKind::kFile, 3000);
  vfs_.add_unsent(101, "more", ItemKind::kFile, 3000);
  vfs_.on_flush = [&](const Context& context, InodeId) -> Status {
    EXPECT_LT(context.deadline, TimePoint::max());
    drop(101);
    return Error{ErrorCode::kDeadlineExceeded, "deadline"};
  };
  Documents reply;
  const Status flushed = ask({{"op", "flush"}, {"timeout_ms", 60'000}}, reply);
  ASSERT_TRUE(flushed.failed_with(ErrorCode::kDeadlineExceeded));
  EXPECT_THAT(flushed.error().message, HasSubstr("1 of 2 changes"));
  EXPECT_EQ(reply.last()["event"], "progress");
}

TEST_F(WriteRequestsTest, AFlushFailsWithWhatDriveSaid) {
  make_writable();
  vfs_.on_flush = [](const Context&, InodeId) -> Status {
    return Error{ErrorCode::kStorageFull, "full"};
  };
  Documents reply;
  EXPECT_TRUE(ask({{"op", "flush"}}, reply).failed_with(ErrorCode::kStorageFull));
}

TEST_F(WriteRequestsTest, AFlushEndsWithWhoAskedForIt) {
  make_writable();
  block_flushes();
  std::thread leaving([&] {
    while (flushes_ == 0) std::this_thread::yield();
    cancel_.cancel();
  });
  Documents reply;
  EXPECT_TRUE(ask({{"op", "flush"}}, reply).failed_with(ErrorCode::kCancelled));
  leaving.join();
  Documents gone;
  gone.refuses = true;
  EXPECT_FALSE(ask({{"op", "flush"}}, gone).ok());
}

TEST_F(WriteRequestsTest, WhatIsForReadingOnlySendsNothing) {
  for (const char* op : {"flush", "retry"}) {
    Documents reply;
    EXPECT_TRUE(ask({{"op", op}}, reply).failed_with(ErrorCode::kUnsupported)) << op;
  }
}

// --- retry, export_unsent

TEST_F(WriteRequestsTest, RetryForgetsWhatFailedAtAndBelowThePath) {
  make_writable();
  vfs_.add_unsent(100, "one", ItemKind::kFile, 10);
  vfs_.add_unsent(101, "two", ItemKind::kFile, 10);
  refuse_next(ErrorCode::kPermissionDenied, "no");
  refuse_next(ErrorCode::kPermissionDenied, "no");
  ASSERT_EQ(writes()["failed"], 2);
  EXPECT_EQ(ask({{"op", "retry"}, {"path", "a"}})["retried"], 0);
  EXPECT_EQ(writes()["failed"], 2);
  const json retried = ask({{"op", "retry"}, {"path", ""}});
  EXPECT_EQ(retried["retried"], 2);
  EXPECT_EQ(retried["failed"], 2);
  EXPECT_EQ(writes()["failed"], 0);
}

TEST_F(WriteRequestsTest, ExportGoesToAnAbsoluteFolderAlsoOfWhatIsForReadingOnly) {
  std::filesystem::path folder;
  vfs_.on_export = [&](const Context&, const std::filesystem::path& path) -> Result<std::uint64_t> {
    folder = path;
    return std::uint64_t{7};
  };
  const json done = ask({{"op", "export_unsent"}, {"folder", "/safe/place"}});
  EXPECT_EQ(done["files"], 7);
  EXPECT_EQ(folder, "/safe/place");
  for (const json& request :
       {json{{"op", "export_unsent"}, {"folder", "here"}}, json{{"op", "export_unsent"}}}) {
    Documents reply;
    EXPECT_TRUE(ask(request, reply).failed_with(ErrorCode::kInvalidArgument)) << request;
  }
}

// --- The drain before the end

TEST_F(WriteRequestsTest, UnmountAnswersAtOnceWhereNothingIsLeft) {
  make_writable();
  const json answer =
      ask({{"op", "unmount"}, {"mountpoint", "/content/drive"}, {"drain_ms", 5000}});
  EXPECT_EQ(answer["last"], true);
  EXPECT_EQ(answer["left"]["changes"], 0);
  EXPECT_EQ(mounts_.asked.drain, std::optional<Duration>(5s));
}

TEST_F(WriteRequestsTest, UnmountSaysWhatTheDrainHasLeft) {
  make_writable();
  vfs_.add_unsent(100, "data", ItemKind::kFile, 3000);
  vfs_.on_flush = [](const Context&, InodeId) -> Status {
    return Error{ErrorCode::kLoginNeeded, "run driveway login"};
  };
  Documents reply;
  std::thread unmounting([&] {
    EXPECT_TRUE(ask({{"op", "unmount"}, {"mountpoint", "/content/drive"}}, reply).ok());
  });
  while (mounts_.mounted) std::this_thread::yield();
  dispatcher_->drain({});
  unmounting.join();
  EXPECT_EQ(reply.all.front()["event"], "progress");
  EXPECT_EQ(reply.last()["unmounted"], "/content/drive");
  EXPECT_EQ(reply.last()["left"]["changes"], 1);
  EXPECT_EQ(reply.last()["left"]["bytes"], 3000);
  EXPECT_EQ(reply.last()["code"], "login_needed");
  EXPECT_FALSE(mounts_.asked.drain) << "the usual";
}

TEST_F(WriteRequestsTest, ADrainEndsWhenNothingMoves) {
  FakeClock clock(/*auto_advance=*/true);
  make_writable(&clock);
  vfs_.add_unsent(100, "data", ItemKind::kFile, 3000);
  block_flushes();
  const TimePoint start = clock.now();
  dispatcher_->drain({.longest = 1h, .stall = 10s});
  EXPECT_GE(clock.now() - start, 10s);
  EXPECT_LT(clock.now() - start, 1min);
  EXPECT_EQ(flushes_, 1);
}

TEST_F(WriteRequestsTest, ADrainOfNoTimeSendsNothing) {
  make_writable();
  vfs_.add_unsent(100, "data", ItemKind::kFile, 3000);
  block_flushes();
  dispatcher_->drain({.longest = {}, .stall = {}});
  EXPECT_EQ(flushes_, 0);
}

TEST_F(WriteRequestsTest, ADrainGoesOnWithTheRestWhenSomethingFails) {
  FakeClock clock(/*auto_advance=*/true);
  make_writable(&clock);
  vfs_.add_unsent(100, "refused", ItemKind::kFile, 10);
  vfs_.add_unsent(101, "one", ItemKind::kFile, 10);
  vfs_.add_unsent(102, "two", ItemKind::kFile, 10);
  refuse_next(ErrorCode::kPermissionDenied, "no");
  vfs_.on_flush = [&](const Context&, InodeId) -> Status {
    const int call = ++flushes_;
    if (call <= 2) drop(100 + static_cast<std::uint64_t>(call));
    return Error{ErrorCode::kPermissionDenied, "no"};
  };
  dispatcher_->drain({});
  EXPECT_EQ(flushes_, 2) << "until only what failed is left";
}

// E2: a full storage is no matter of time, whenever that ends.
TEST_F(WriteRequestsTest, ADrainEndsWithWhatStopsAllThatIsLeft) {
  make_writable();
  vfs_.add_unsent(100, "data", ItemKind::kFile, 3000);
  vfs_.on_flush = [this](const Context&, InodeId) -> Status {
    if (++flushes_ == 1) refuse_next(ErrorCode::kStorageFull, "the storage is full");
    return Error{ErrorCode::kDeadlineExceeded, "the time is over"};
  };
  std::thread draining([&] { dispatcher_->drain({.longest = 1h, .stall = 1h}); });
  Documents reply;
  EXPECT_TRUE(ask({{"op", "unmount"}, {"mountpoint", "/content/drive"}}, reply).ok());
  draining.join();
  EXPECT_EQ(reply.last()["code"], "storage_full") << reply.last();
  EXPECT_THAT(reply.last()["message"], HasSubstr("data: the storage is full"));
  EXPECT_EQ(flushes_, 1) << "it is not asked again and again";
}

TEST_F(WriteRequestsTest, ADrainWhoseTimeIsOverBeforeAllWasTriedSaysThat) {
  make_writable();
  vfs_.add_unsent(100, "refused", ItemKind::kFile, 3000);
  vfs_.add_unsent(101, "folder", ItemKind::kFolder, 0);  // takes no storage
  vfs_.on_flush = [this](const Context&, InodeId) -> Status {
    refuse_next(ErrorCode::kStorageFull, "the storage is full");
    return Error{ErrorCode::kDeadlineExceeded, "the time is over"};
  };
  std::thread draining([&] { dispatcher_->drain({.longest = 1h, .stall = 1h}); });
  Documents reply;
  EXPECT_TRUE(ask({{"op", "unmount"}, {"mountpoint", "/content/drive"}}, reply).ok());
  draining.join();
  EXPECT_EQ(reply.last()["code"], "deadline_exceeded") << reply.last();
}

TEST_F(WriteRequestsTest, AMountEndsTheDrainAndTakesOver) {
  make_writable();
  vfs_.add_unsent(100, "data", ItemKind::kFile, 3000);
  block_flushes();
  mounts_.mounted = false;
  std::thread draining([&] { dispatcher_->drain({}); });
  while (flushes_ == 0) std::this_thread::yield();
  Documents reply;
  const json request =
      mount_document({.mountpoint = "/new", .kernel_options = {}, .read_deadline = 5s}, {});
  EXPECT_TRUE(ask(request, reply).failed_with(ErrorCode::kUnavailable));
  draining.join();
}

TEST_F(WriteRequestsTest, WhatStopsTheDrainMayComeBeforeIt) {
  make_writable();
  vfs_.add_unsent(100, "data", ItemKind::kFile, 3000);
  block_flushes();
  dispatcher_->stop_draining();
  dispatcher_->drain({});
  EXPECT_EQ(flushes_, 0);
}

}  // namespace
}  // namespace driveway::control
