#include "journal/journal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "base/fault.h"
#include "unit/base/temporary_folder.h"

namespace driveway::journal {
namespace {

using drive::ItemKind;
using testing::ElementsAre;
using testing::UnorderedElementsAre;

const Place kHome{InodeId(1), FileId("root"), ""};

ContentState content_of(std::string text) {
  ContentState bytes;
  bytes.number = 7;
  bytes.size = text.size();
  bytes.state = std::move(text);
  return bytes;
}

class JournalTest : public testing::Test {
 public:
  ~JournalTest() override { fault::disarm_all(); }

 protected:
  void SetUp() override { open(); }
  void open() {
    journal_.reset();
    auto opened = Journal::open(options_, clock_, metrics_);
    ASSERT_TRUE(opened.ok()) << opened.error().to_string();
    journal_ = *std::move(opened);
  }
  static LedgerOptions ledger_options(const std::filesystem::path& folder) {
    LedgerOptions options;
    options.folder = folder;
    options.account = "0123456789";
    options.reserve = 256 * kKiB;
    return options;
  }

  Status change(const Journal::Call& call) { return journal_->change({}, Purpose::kNew, call); }
  Status create(int inode, const std::string& name, ItemKind kind = ItemKind::kFile) {
    return change([&](ChangeSet& set, WallTime now) {
      NewEntry entry;
      entry.kind = kind;
      entry.modified = now;
      return set.create(InodeId(inode), {kHome.parent, kHome.parent_id, name}, entry, now);
    });
  }
  // A file that Drive has, opened for writing by one.
  void open_known(int inode) {
    journal_->adjust([&](ChangeSet& set) {
      Known known;
      known.id = FileId("id" + std::to_string(inode));
      known.exists = true;
      known.parent = FileId("root");
      known.parent_inode = InodeId(1);
      known.name = "known";
      set.know(InodeId(inode), {}, known);
      EXPECT_TRUE(set.opened(InodeId(inode)).ok());
    });
  }
  std::optional<Change> row(int inode) {
    return journal_->look([&](const ChangeSet& set) {
      const Change* const found = set.find(InodeId(inode));
      return found == nullptr ? std::nullopt : std::optional(*found);
    });
  }
  static void refuse(const char* point) {
    fault::arm(point, []() -> Status { return Error{ErrorCode::kNoSpace, "injected"}; });
  }

  TemporaryFolder folder_;
  JournalOptions options_{ledger_options(folder_ / "journal"), {}};
  FakeClock clock_;
  Metrics metrics_;
  std::unique_ptr<Journal> journal_;
};

// D1.
TEST_F(JournalTest, WhatWasChangedIsThereAfterARestart) {
  EXPECT_TRUE(journal_->empty());
  ASSERT_TRUE(create(2000, "a").ok());
  ASSERT_TRUE(create(2001, "b", ItemKind::kFolder).ok());
  ASSERT_TRUE(create(2002, "c").ok());
  ASSERT_TRUE(
      change([](ChangeSet& set, WallTime now) { return set.remove(InodeId(2002), now); }).ok());
  const auto before = row(2000);
  open();
  EXPECT_FALSE(journal_->empty());
  EXPECT_EQ(row(2000), before);
  EXPECT_EQ(row(2001)->name(), "b");
  EXPECT_FALSE(row(2002)) << "created and removed: nothing is left of it";
}

TEST_F(JournalTest, WhatIsOnlyKnownNeedsNoRecord) {
  open_known(2000);
  EXPECT_FALSE(journal_->empty());
  EXPECT_EQ(journal_->ledger_state().appended, 0);
  open();
  EXPECT_TRUE(journal_->empty());
}

// J4.
TEST_F(JournalTest, TellsWhatNobodyClosed) {
  open_known(2000);
  const auto write = [](ChangeSet& set, WallTime now) {
    return set.written(InodeId(2000), content_of("new"), now, now);
  };
  ASSERT_TRUE(change(write).ok());
  EXPECT_THAT(journal_->unclosed(), ElementsAre());
  open();
  EXPECT_THAT(journal_->unclosed(), ElementsAre(InodeId(2000)));
}

// D6: the caller is told that it failed, so it must not have happened.
TEST_F(JournalTest, WhatCouldNotBeRecordedHasNotHappened) {
  ASSERT_TRUE(create(2000, "a").ok());
  ASSERT_TRUE(create(2001, "b").ok());
  const auto first = row(2000);
  const auto second = row(2001);
  refuse("journal.before_append");
  const auto swap = [](ChangeSet& set, WallTime now) {
    return set.exchange(InodeId(2000), InodeId(2001), now);
  };
  EXPECT_TRUE(change(swap).failed_with(ErrorCode::kNoSpace));
  EXPECT_TRUE(create(2002, "c").failed_with(ErrorCode::kNoSpace));
  EXPECT_EQ(row(2000), first);
  EXPECT_EQ(row(2001), second);
  EXPECT_FALSE(row(2002));
  fault::disarm_all();
  ASSERT_TRUE(change(swap).ok());
  EXPECT_EQ(row(2000)->name(), "b");
}

// A close that failed may be tried again: the file is still open for writing, as far as the journal
// is concerned (J4).
TEST_F(JournalTest, WritersComeBackToo) {
  open_known(2000);
  const auto close = [](ChangeSet& set, WallTime now) {
    return set.closed(InodeId(2000), content_of("new"), now, now);
  };
  refuse("journal.before_append");
  EXPECT_FALSE(change(close).ok());
  EXPECT_FALSE(row(2000)->wanted.content);
  fault::disarm_all();
  const auto rename = [](ChangeSet& set, WallTime now) {
    return set.rename(InodeId(2000), {InodeId(1), FileId("root"), "other"}, now);
  };
  ASSERT_TRUE(change(rename).ok());
  const auto write = [](ChangeSet& set, WallTime now) {
    return set.written(InodeId(2000), content_of("newer"), now, now);
  };
  ASSERT_TRUE(change(write).ok());
  EXPECT_FALSE(row(2000)->wanted.content->closed_at) << "nobody has closed it";
  ASSERT_TRUE(change(close).ok());
  EXPECT_TRUE(row(2000)->wanted.content->closed_at);
}

// D1, J4: what a flush has told is closed after a restart, at its place before later markers.
TEST_F(JournalTest, ACloseAfterAFlushNeedsNoRecord) {
  open_known(2000);
  const auto close = [](ChangeSet& set, WallTime now) {
    return set.closed(InodeId(2000), std::nullopt, std::nullopt, now);
  };
  const auto open_again = [](ChangeSet& set) { return set.opened(InodeId(2000)); };
  ASSERT_TRUE(change([](ChangeSet& set, WallTime now) {
                return set.synced(InodeId(2000), content_of("data"), now, now);
              }).ok());
  ASSERT_TRUE(create(2001, "marker").ok());
  const std::uint64_t records = journal_->ledger_state().appended;
  ASSERT_TRUE(change(close).ok());
  EXPECT_EQ(journal_->ledger_state().appended, records);
  EXPECT_TRUE(row(2000)->wanted.content->closed_at);
  const std::uint64_t order = row(2000)->wanted.content->closed_order;
  EXPECT_LT(order, row(2001)->wanted.content->began_order);
  open();
  EXPECT_TRUE(row(2000)->wanted.content->closed_at);
  EXPECT_EQ(row(2000)->wanted.content->closed_order, order);
  EXPECT_TRUE(journal_->unclosed().empty());
  // What no flush has covered is told by the close.
  ASSERT_TRUE(journal_->adjust(open_again).ok());
  ASSERT_TRUE(change([](ChangeSet& set, WallTime now) {
                return set.written(InodeId(2000), content_of("newer"), now, now);
              }).ok());
  const std::uint64_t written = journal_->ledger_state().appended;
  ASSERT_TRUE(change(close).ok());
  EXPECT_EQ(journal_->ledger_state().appended, written + 1);
  open();
  EXPECT_TRUE(journal_->unclosed().empty());
}

TEST_F(JournalTest, APartOfAChangeThatFailsIsTakenBack) {
  ASSERT_TRUE(create(2000, "a").ok());
  const auto before = row(2000);
  const auto both = [](ChangeSet& set, WallTime now) -> Result<Rows> {
    DRIVEWAY_TRY(Rows rows, set.rename(InodeId(2000), {InodeId(1), FileId("root"), "x"}, now));
    DRIVEWAY_TRY(const Rows more, set.remove(InodeId(3000), now));
    return rows;
  };
  EXPECT_TRUE(change(both).failed_with(ErrorCode::kNotFound));
  EXPECT_EQ(row(2000), before);
}

// J1: began() that could not be recorded leaves nothing in flight.
TEST_F(JournalTest, AStepThatCouldNotBeRecordedIsOfferedAgain) {
  ASSERT_TRUE(create(2000, "a").ok());
  clock_.advance(std::chrono::seconds(5));
  const auto offered = [&] {
    return journal_->look([&](const ChangeSet& set) {
      return set.next(journal_->now(), {.steps = 5, .contents = true}).steps;
    });
  };
  const auto begin = [&](ChangeSet& set, WallTime now) {
    Step step = set.next(now, {}).steps.at(0);
    return set.began(step, {FileId("new"), ""}, now);
  };
  const auto before = offered();
  ASSERT_EQ(before.size(), 1);
  refuse("journal.before_append");
  EXPECT_FALSE(change(begin).ok());
  const auto after = offered();
  ASSERT_EQ(after.size(), 1);
  EXPECT_FALSE(after[0].resolve);
  EXPECT_EQ(after[0].sent, before[0].sent);
  fault::disarm_all();
  ASSERT_TRUE(change(begin).ok());
  EXPECT_TRUE(offered().empty()) << "it is out";
}

// D2.
TEST_F(JournalTest, ContentsAreSyncedBeforeRows) {
  int synced = 0;
  journal_->on_sync([&]() -> Status {
    ++synced;
    return {};
  });
  ASSERT_TRUE(create(2000, "a").ok());
  ASSERT_TRUE(journal_->sync({}).ok());
  EXPECT_EQ(synced, 1);
  journal_->on_sync([]() -> Status { return Error{ErrorCode::kLocalDisk, "the disk is broken"}; });
  ASSERT_TRUE(create(2001, "b").ok());
  EXPECT_TRUE(journal_->sync({}).failed_with(ErrorCode::kLocalDisk));
  journal_->on_sync([]() -> Status { return {}; });
}

TEST_F(JournalTest, TellsWhatChanged) {
  std::vector<InodeId> told;
  journal_->on_change([&](const std::vector<InodeId>& inodes) {
    told = inodes;
    EXPECT_TRUE(row(2000)) << "told without locks, after the change";
  });
  ASSERT_TRUE(create(2000, "a").ok());
  EXPECT_THAT(told, UnorderedElementsAre(InodeId(2000)));
  told.clear();
  refuse("journal.before_append");
  EXPECT_FALSE(create(2001, "b").ok());
  EXPECT_TRUE(told.empty());
}

TEST_F(JournalTest, WhoWaitsForAChangeIsWoken) {
  const std::uint64_t seen = journal_->changes();
  const Context soon{.deadline = clock_.now()};
  EXPECT_TRUE(journal_->wait_for_change(soon, seen).failed_with(ErrorCode::kDeadlineExceeded));
  std::thread waiter([&] { EXPECT_TRUE(journal_->wait_for_change({}, seen).ok()); });
  ASSERT_TRUE(create(2000, "a").ok());
  waiter.join();
  CancelSource stop;
  std::thread other([&] {
    const Context context{.cancel = stop.token()};
    EXPECT_TRUE(
        journal_->wait_for_change(context, journal_->changes()).failed_with(ErrorCode::kCancelled));
  });
  stop.cancel();
  other.join();
}

// A machine's clock that is set back must not make changes older than what they follow.
TEST_F(JournalTest, TimeDoesNotGoBack) {
  class Skewed final : public Clock {
   public:
    TimePoint now() const override { return clock.now(); }
    WallTime wall_now() const override { return wall; }
    bool wait_until(std::unique_lock<std::mutex>& lock, std::condition_variable& condition,
                    TimePoint deadline, const std::function<bool()>& ready) override {
      return clock.wait_until(lock, condition, deadline, ready);
    }
    SystemClock clock;
    WallTime wall{std::chrono::hours(1'000)};
  };
  Skewed clock;
  journal_.reset();
  auto opened = Journal::open(options_, clock, metrics_);
  ASSERT_TRUE(opened.ok());
  const WallTime before = (*opened)->now();
  clock.wall -= std::chrono::hours(1);
  EXPECT_EQ((*opened)->now(), before);
  clock.wall += std::chrono::hours(2);
  EXPECT_EQ((*opened)->now(), before + std::chrono::hours(1));
}

// What Drive does not have is never thrown away because it cannot be read.
TEST_F(JournalTest, ARowThatCannotBeReadStopsTheStart) {
  journal_.reset();
  LedgerOptions raw = options_.ledger;
  raw.tables = {"changes"};
  {
    auto ledger = Ledger::open(raw, clock_, metrics_);
    ASSERT_TRUE(ledger.ok());
    Batch batch;
    batch.put("changes", std::string("\0\0\0\0\0\0\7\xd0", 8), "not a change");
    ASSERT_TRUE((*ledger)->append({}, batch, Purpose::kNew).ok());
  }
  const auto opened = Journal::open(options_, clock_, metrics_);
  ASSERT_TRUE(opened.failed_with(ErrorCode::kCorrupt));
  EXPECT_THAT(opened.error().message, testing::HasSubstr("keep a copy"));
}

}  // namespace
}  // namespace driveway::journal
