#include "base/threads.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <latch>
#include <memory>
#include <thread>
#include <vector>

namespace driveway {
namespace {

TEST(StartThreadTest, NamesTheThreadAndBlocksItsSignals) {
  std::string name;
  sigset_t inside;
  start_thread("a-name-longer-than-15", [&] {
    char buffer[32] = "";
    pthread_getname_np(pthread_self(), buffer, sizeof buffer);
    name = buffer;
    pthread_sigmask(SIG_SETMASK, nullptr, &inside);
  }).join();
  EXPECT_EQ(name, "a-name-longer-t");
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGCHLD, SIGUSR1, SIGPIPE}) {
    EXPECT_EQ(sigismember(&inside, signal), 1) << signal;
  }
  EXPECT_EQ(sigismember(&inside, SIGSEGV), 0);
  sigset_t outside;
  pthread_sigmask(SIG_SETMASK, nullptr, &outside);
  EXPECT_EQ(sigismember(&outside, SIGTERM), 0);  // the starter keeps its own mask
}

// A stack that no address space holds.
void let_no_thread_start() {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, std::size_t{1} << 47);
  pthread_setattr_default_np(&attributes);
}

TEST(StartThreadTest, AThreadThatCannotStartEndsTheProcessUnlessItIsOptional) {
  EXPECT_EXIT(
      {
        let_no_thread_start();
        std::_Exit(try_start_thread("optional", [] {}) ? 1 : 0);
      },
      ::testing::ExitedWithCode(0), "optional");
  EXPECT_EXIT(
      {
        let_no_thread_start();
        start_thread("needed", [] {}).join();
      },
      ::testing::KilledBySignal(SIGABRT), "needed");
}

TEST(WorkerPoolTest, RunsTasksInOrder) {
  std::vector<int> order;
  {
    WorkerPool pool("test", 1);
    for (int i = 0; i < 100; ++i) EXPECT_TRUE(pool.submit([&order, i] { order.push_back(i); }));
  }  // runs what is queued
  ASSERT_EQ(order.size(), 100U);
  EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
}

TEST(WorkerPoolTest, RunsTasksSideBySide) {
  WorkerPool pool("test", 3);
  std::latch together(4);  // passes only if the three run at the same time
  for (int i = 0; i < 3; ++i) pool.submit([&] { together.arrive_and_wait(); });
  together.arrive_and_wait();
}

TEST(WorkerPoolTest, StopDropsWhatIsQueued) {
  std::atomic<int> ran = 0;
  const auto owned = std::make_shared<int>(0);
  WorkerPool pool("test", 1);
  std::latch started(1);
  std::latch stop_begun(1);
  pool.submit([&] {
    started.count_down();
    stop_begun.wait();
    // Queued tasks are dropped before stop() waits for this one: now nothing can be added.
    while (pool.submit([&] { ++ran; })) std::this_thread::yield();
  });
  started.wait();
  pool.submit([&ran, owned] { ++ran; });
  std::thread stopper([&] { pool.stop(); });
  stop_begun.count_down();
  stopper.join();
  EXPECT_EQ(ran, 0);
  EXPECT_EQ(owned.use_count(), 1);
  EXPECT_FALSE(pool.submit([] {}));
  pool.stop();  // again is nothing
}

TEST(WorkerPoolTest, TasksMaySubmit) {
  std::latch over(1);
  WorkerPool pool("test", 2);
  pool.submit([&] { pool.submit([&] { over.count_down(); }); });
  over.wait();
}

TEST(WorkerPoolTest, ManySubmitters) {
  std::atomic<int> ran = 0;
  {
    WorkerPool pool("test", 3);
    std::vector<std::thread> submitters;
    submitters.reserve(4);
    for (int i = 0; i < 3; ++i) {
      submitters.emplace_back([&] {
        for (int j = 0; j < 500; ++j) pool.submit([&] { ++ran; });
      });
    }
    for (auto& submitter : submitters) submitter.join();
  }
  EXPECT_EQ(ran, 1500);
}

}  // namespace
}  // namespace driveway
