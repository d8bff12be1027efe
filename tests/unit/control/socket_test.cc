#include "control/socket.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <thread>

#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "control/wire.h"
#include "unit/base/temporary_folder.h"
#include "unit/control/fake_vfs.h"

namespace driveway::control {
namespace {

using nlohmann::json;
using namespace std::chrono_literals;

class Collected final : public Reply {
 public:
  Status document(const json& document) override {
    documents.push_back(document);
    return {};
  }
  Status bytes(std::span<const std::byte> data) override {
    text.append(reinterpret_cast<const char*>(data.data()), data.size());
    return {};
  }
  std::vector<json> documents;
  std::string text;
};

class SocketTest : public ::testing::Test {
 protected:
  SocketTest() {
    auto server = Server::start(folder_.path(), dispatcher_, clock_);
    EXPECT_TRUE(server.ok());
    server_ = *std::move(server);
  }

  std::filesystem::path socket() const { return folder_ / cat(::getpid(), ".sock"); }
  Context soon() { return {.deadline = clock_.now() + 20s}; }
  Client client() {
    auto client = Client::connect(socket(), clock_);
    EXPECT_TRUE(client.ok());
    return *std::move(client);
  }

  TemporaryFolder folder_;
  SystemClock clock_;
  Metrics metrics_;
  FakeVfs vfs_;
  std::atomic<bool> busy_{true};
  Dispatcher dispatcher_{{.account = "",
                          .permission_id = "0123",
                          .mountpoint = "/content/drive",
                          .cache_dir = "/cache",
                          .layout = tree::Layout::kColab},
                         vfs_,
                         clock_,
                         metrics_,
                         [this](const Context&, bool force) -> Status {
                           if (busy_ && !force) return Error{ErrorCode::kBusy, "in use"};
                           return {};
                         }};
  std::unique_ptr<Server> server_;
};

TEST_F(SocketTest, TheSocketIsTheOwnersAlone) {
  struct stat attributes {};
  ASSERT_EQ(::stat(socket().c_str(), &attributes), 0);
  EXPECT_EQ(attributes.st_mode & 07777, 0600U);
}

TEST_F(SocketTest, ADaemonIsFoundByAsking) {
  const auto daemons = find_daemons(folder_.path(), clock_);
  ASSERT_EQ(daemons.size(), 1U);
  EXPECT_EQ(daemons[0].mountpoint, "/content/drive");
  EXPECT_EQ(daemons[0].pid, ::getpid());
}

TEST_F(SocketTest, ADeadSocketIsRemoved) {
  server_.reset();
  const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
  ::close(fd);
  EXPECT_FALSE(std::filesystem::exists(socket()));
  EXPECT_TRUE(Client::connect(socket(), clock_).failed_with(ErrorCode::kNotFound));
  EXPECT_TRUE(find_daemons(folder_.path(), clock_).empty());
}

TEST_F(SocketTest, ListsAFolderWithoutWhatHasGone) {
  Collected reply;
  ASSERT_TRUE(client().call(soon(), {{"op", "ls"}, {"path", ""}}, reply).ok());
  ASSERT_EQ(reply.documents.size(), 2U);
  EXPECT_EQ(reply.documents[0]["name"], "a");
  EXPECT_EQ(reply.documents[1]["size"], 3 * kMiB);
}

TEST_F(SocketTest, FindsByPathShownPathAndId) {
  for (const json& request :
       {json{{"op", "stat"}, {"path", "a"}}, json{{"op", "stat"}, {"shown", "MyDrive/a"}},
        json{{"op", "stat"}, {"id", "id-a"}}}) {
    const auto answer = client().ask(soon(), request);
    ASSERT_TRUE(answer.ok()) << request;
    EXPECT_EQ((*answer)["inode"], 10) << request;
    EXPECT_EQ((*answer)["attributes"]["user.drive.id"], "id-x") << request;
  }
}

TEST_F(SocketTest, SendsBytesInPieces) {
  Collected reply;
  ASSERT_TRUE(client().call(soon(), {{"op", "cat"}, {"path", "big"}}, reply).ok());
  EXPECT_EQ(reply.text, std::string(3 * kMiB, 'b'));
}

TEST_F(SocketTest, GivesTheErrorsCodeAndText) {
  Client asking = client();
  Collected reply;
  const Status status = asking.call(soon(), {{"op", "stat"}, {"path", "nowhere"}}, reply);
  EXPECT_TRUE(status.failed_with(ErrorCode::kNotFound));
  // The connection lives on.
  EXPECT_TRUE(asking.ask(soon(), {{"op", "hello"}}).ok());
}

TEST_F(SocketTest, UnmountsWhenNothingIsOpenOrByForce) {
  EXPECT_TRUE(client().ask(soon(), {{"op", "unmount"}}).failed_with(ErrorCode::kBusy));
  const auto forced = client().ask(soon(), {{"op", "unmount"}, {"force", true}});
  ASSERT_TRUE(forced.ok());
  EXPECT_EQ((*forced)["unmounted"], "/content/drive");
}

TEST_F(SocketTest, OddRequestsAreErrorsNotCrashes) {
  const std::vector<json> odd = {json::array(),
                                 json(3),
                                 json{{"op", 7}},
                                 json{{"op", "nonsense"}},
                                 json{{"op", "ls"}, {"path", 5}, {"team", json::array()}},
                                 json{{"op", "unmount"}, {"timeout_ms", -5}, {"force", "yes"}}};
  for (const json& request : odd) {
    Collected reply;
    const Status status = client().call(soon(), request, reply);
    EXPECT_TRUE(status.ok() || status.error().code != ErrorCode::kInternal) << request;
  }
}

TEST_F(SocketTest, WhatIsNotAFrameEndsTheConnection) {
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
  ASSERT_GE(fd, 0);
  const UniqueFd owned(fd);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, socket().c_str(), sizeof address.sun_path - 1);
  ASSERT_EQ(::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  ASSERT_GT(::send(fd, "GET / HTTP/1.1\r\n\r\n", 18, MSG_NOSIGNAL), 0);
  EXPECT_TRUE(receive_frame(soon(), clock_, fd).failed_with(ErrorCode::kUnavailable));
}

TEST_F(SocketTest, StopsAlthoughAClientIsConnected) {
  Client idle = client();
  ASSERT_TRUE(idle.ask(soon(), {{"op", "hello"}}).ok());
  server_.reset();
  EXPECT_TRUE(idle.ask(soon(), {{"op", "hello"}}).failed_with(ErrorCode::kUnavailable));
}

TEST_F(SocketTest, ManyClientsAreServedAtOnce) {
  std::vector<std::thread> threads;
  std::atomic<int> served{0};
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      Collected reply;
      if (client().call(soon(), {{"op", "cat"}, {"path", "big"}}, reply).ok() &&
          reply.text.size() == 3 * kMiB) {
        ++served;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(served, 8);
}

TEST(WireTest, AStatusSurvivesTheWire) {
  EXPECT_TRUE(decode_status(encode_status({})).ok());
  const Status error = decode_status(encode_status(Error{ErrorCode::kStale, "moved"}));
  EXPECT_TRUE(error.failed_with(ErrorCode::kStale));
  EXPECT_EQ(error.error().message, "moved");
  EXPECT_TRUE(decode_status("not json").failed_with(ErrorCode::kCorrupt));
}

TEST(WaitForExitTest, ReturnsAtOnceForAProcessThatHasGone) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(0);
  SystemClock clock;
  const Context context{.deadline = clock.now() + 20s};
  EXPECT_TRUE(wait_for_exit(context, clock, child).ok());
}

}  // namespace
}  // namespace driveway::control
