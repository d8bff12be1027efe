// kill -9 (D1): what append() acknowledged is there afterwards, whole, once and in order, at
// whatever moment the process died. The parent keeps its own account of what was acknowledged,
// through a pipe. DRIVEWAY_TEST_LONG makes it 25 times as long.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <iostream>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "base/strings.h"
#include "unit/journal/ledger_fixture.h"

namespace driveway::journal {
namespace {

constexpr int kThreads = 3;
constexpr std::uint64_t kMostEach = 2000;  // ends a child that nobody killed

constexpr std::array kPoints = {
    "journal.before_append",
    "journal.torn_append",
    "journal.after_append",
    "journal.before_segment",
    "journal.preallocate",
    "journal.before_segment_rename",
    "journal.after_segment_rename",
    "journal.before_log_sync",
    "journal.log_sync",
    "journal.after_log_sync",
    "journal.between_syncs",
    "journal.before_drain_commit",
    "journal.after_drain_commit",
    "journal.before_segment_removal",
    "journal.after_segment_removal",
};

struct Ack {
  std::uint64_t thread = 0;
  std::uint64_t number = 0;
  std::uint64_t sequence = 0;
};

class LedgerKillTest : public LedgerTest {
 protected:
  LedgerKillTest() {
    options_.max_backlog = 16 * kKiB;  // so that it drains all the time
    options_.segment_size = 2 * kKiB;
  }

  struct Crash {
    std::string point;  // a fault point, and the passage that kills
    int passage = 1;
    std::uint64_t after_acks = 0;     // or: killed from outside after so many acks
    bool syncs_fail = false;          // of the log's segments, so that it is written anew each time
    bool acks_before_append = false;  // the mutation: a reply before its record
  };

  static std::string value_of(std::uint64_t thread, std::uint64_t number) {
    return cat(thread, "/", number, "/", std::string((thread + number) % 150, 'v'));
  }
  std::string key_of(std::uint64_t thread, std::uint64_t number) const {
    return cat("round", round_, "/", thread, "/", number);
  }

  // What the child does until it dies; never returns.
  [[noreturn]] void append_until_killed(int acks, const Crash& crash) {
    if (!crash.point.empty()) {
      fault::arm(
          crash.point,
          []() -> Status {
            ::kill(::getpid(), SIGKILL);
            ::pause();
            return {};
          },
          crash.passage);
    }
    if (crash.syncs_fail) fail_at("journal.log_sync", ErrorCode::kLocalDisk);
    SystemClock clock;
    auto ledger = Ledger::open(options_, clock, metrics_);
    if (!ledger.ok()) {
      std::cerr << ledger.error().to_string() << '\n';
      ::_exit(2);
    }
    std::vector<std::thread> threads;
    threads.reserve(kThreads);
    for (std::uint64_t t = 0; t < kThreads; ++t) {
      threads.emplace_back([&, t] { append_many(**ledger, t, acks, crash.acks_before_append); });
    }
    for (auto& thread : threads) thread.join();
    ::_exit(0);
  }

  void append_many(Ledger& ledger, std::uint64_t thread, int acks, bool acks_before_append) {
    for (std::uint64_t number = 0; number < kMostEach; ++number) {
      const std::string value = value_of(thread, number);
      Batch batch;
      batch.put("uploads", key_of(thread, number), value);
      batch.put("inodes_touched", key_of(thread, number), value);
      batch.put("marks", "last", value);
      Ack ack{thread, number, 0};
      const auto reply = [&] {
        if (::write(acks, &ack, sizeof ack) != sizeof ack) ::_exit(3);
      };
      if (acks_before_append) reply();
      const auto sequence = ledger.append({}, batch, Purpose::kNew);
      if (!sequence.ok()) ::_exit(4);
      ack.sequence = *sequence;
      if (!acks_before_append) reply();
      if (number % 10 == 9 && !ledger.sync({}).ok()) ::_exit(5);
    }
  }

  // Runs a child until it is killed; gives what it acknowledged. False: it ended by itself.
  bool run_child(const Crash& crash, std::vector<Ack>* acks) {
    std::array<int, 2> ends{};
    EXPECT_EQ(::pipe(ends.data()), 0);
    const pid_t child = ::fork();
    if (child == 0) {
      ::close(ends[0]);
      append_until_killed(ends[1], crash);
    }
    ::close(ends[1]);
    Ack ack;
    // Acks are shorter than PIPE_BUF: each comes whole.
    while (::read(ends[0], &ack, sizeof ack) == sizeof ack) {
      acks->push_back(ack);
      if (acks->size() == crash.after_acks) ::kill(child, SIGKILL);
    }
    ::close(ends[0]);
    int status = 0;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_TRUE(!WIFEXITED(status) || WEXITSTATUS(status) == 0) << WEXITSTATUS(status);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
  }

  // What is wrong after a child that acknowledged `acks`; empty: nothing. Leaves the ledger open.
  std::string fault_after(const std::vector<Ack>& acks) {
    must_open();
    if (HasFatalFailure()) return "it does not open";
    const RowMap all = rows();
    std::array<std::uint64_t, kThreads> there{};  // how many batches of each thread
    std::uint64_t rows_found = 0;
    for (std::uint64_t t = 0; t < kThreads; ++t) {
      for (;; ++there[t]) {
        const auto first = all.find("uploads/" + key_of(t, there[t]));
        const auto second = all.find("inodes_touched/" + key_of(t, there[t]));
        if (first == all.end() && second == all.end()) break;
        if (first == all.end() || second == all.end()) return "half of a batch";
        if (first->second != value_of(t, there[t]) || second->second != first->second) {
          return "another value";
        }
      }
      rows_found += 2 * there[t];
    }
    const std::uint64_t batches = rows_found / 2;
    const auto prefix = cat("/round", round_, "/");
    const auto of_round = std::count_if(all.begin(), all.end(), [&](const auto& row) {
      return row.first.find(prefix) != std::string::npos;
    });
    if (static_cast<std::uint64_t>(of_round) != rows_found) return "a hole in a thread's batches";
    if (ledger_->state().appended != before_ + batches) return "lost or doubled sequences";
    for (const Ack& ack : acks) {
      if (ack.number >= there[ack.thread]) return "an acknowledged batch is not there";
      if (ack.sequence == before_ + batches &&
          all.at("marks/last") != value_of(ack.thread, ack.number)) {
        return "reordered";
      }
    }
    return {};
  }

  // One child and what is found afterwards. The next round begins on what this one left.
  std::string round(const Crash& crash, bool* killed) {
    ++round_;
    std::vector<Ack> acks;
    *killed = run_child(crash, &acks);
    std::string fault = fault_after(acks);
    if (ledger_ == nullptr) return fault;
    before_ = ledger_->state().appended;
    // Every other time the log stays as it is, for the next child to replay.
    if (round_ % 2 == 0) fail_at("journal.before_drain_commit", ErrorCode::kLocalDisk);
    ledger_.reset();
    fault::disarm_all();
    return fault;
  }

  int round_ = 0;
  std::uint64_t before_ = 0;  // batches before this round
};

TEST_F(LedgerKillTest, NothingIsLostAtAnyFaultPoint) {
  std::mt19937_64 random(first_seed());
  for (const char* point : kPoints) {
    int killed_times = 0;
    for (int i = 0; i < rounds(2); ++i) {
      Crash crash;
      crash.point = point;
      crash.passage = i == 0 ? 1 : 1 + static_cast<int>(random() % 15);
      bool killed = false;
      ASSERT_EQ(round(crash, &killed), "") << point << ", passage " << crash.passage;
      killed_times += killed ? 1 : 0;
    }
    EXPECT_GT(killed_times, 0) << point << " was never passed";
  }
}

TEST_F(LedgerKillTest, NothingIsLostWhileTheLogIsWrittenAnew) {
  std::mt19937_64 random(first_seed());
  for (const char* point :
       {"journal.before_segment", "journal.before_segment_rename", "journal.after_segment_rename",
        "journal.before_segment_removal", "journal.after_segment_removal"}) {
    for (int i = 0; i < rounds(2); ++i) {
      Crash crash;
      crash.point = point;
      crash.passage = 2 + static_cast<int>(random() % 20);
      crash.syncs_fail = true;
      bool killed = false;
      ASSERT_EQ(round(crash, &killed), "") << point << ", passage " << crash.passage;
      EXPECT_TRUE(killed);
    }
  }
}

TEST_F(LedgerKillTest, NothingIsLostAtRandomMoments) {
  std::mt19937_64 random(first_seed());
  for (int i = 0; i < rounds(10); ++i) {
    Crash crash;
    crash.after_acks = 1 + random() % 400;
    bool killed = false;
    ASSERT_EQ(round(crash, &killed), "") << "after " << crash.after_acks << " replies";
  }
}

// The tests above would notice a reply that comes before its record.
TEST_F(LedgerKillTest, NoticesAReplyBeforeItsRecord) {
  std::string fault;
  for (int i = 0; i < 10 && fault.empty(); ++i) {
    Crash crash;
    crash.point = "journal.before_append";
    crash.passage = 5 + i;
    crash.acks_before_append = true;
    bool killed = false;
    fault = round(crash, &killed);
  }
  EXPECT_EQ(fault, "an acknowledged batch is not there");
}

}  // namespace
}  // namespace driveway::journal
