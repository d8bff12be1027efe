#include "control/socket.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <thread>

#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "control/wire.h"
#include "unit/base/temporary_folder.h"
#include "unit/control/collected.h"
#include "unit/control/fake_vfs.h"

namespace driveway::control {
namespace {

using nlohmann::json;
using namespace std::chrono_literals;

// Mounts on nothing.
class FakeMounts final : public Mounts {
 public:
  std::vector<std::string> mountpoints() const override { return {"/content/drive", "/other"}; }
  InodeId top(const std::string&) const override { return tree::Tree::root(); }
  Result<bool> mount(const Context&, const MountRequest& request) override {
    options = request.kernel_options;
    return request.mountpoint != "/other";
  }
  Result<bool> unmount(const Context&, const UnmountRequest& request) override {
    if (busy && !request.force) return Error{ErrorCode::kBusy, "in use"};
    return request.mountpoint == "/other";
  }
  std::atomic<bool> busy{true};
  std::vector<std::string> options;
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

  UniqueFd connect_raw() {
    UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, socket().c_str(), sizeof address.sun_path - 1);
    EXPECT_EQ(::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    return fd;
  }

  TemporaryFolder folder_;
  SystemClock clock_;
  Metrics metrics_;
  FakeVfs vfs_;
  FakeMounts mounts_;
  const Identity identity_{.account = "",
                           .permission_id = "0123",
                           .cache_dir = "/cache",
                           .layout = tree::Layout::kColab,
                           .docs = tree::DocsMode::kLink,
                           .writes = {},
                           .quota_units_last_minute = nullptr};
  Dispatcher dispatcher_{identity_, vfs_, clock_, metrics_, &mounts_, 300s};
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
  EXPECT_TRUE(daemons[0].is_mounted_at("/content/drive"));
  EXPECT_TRUE(daemons[0].is_mounted_at("/other"));
  EXPECT_FALSE(daemons[0].is_mounted_at("/content"));
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
  json request = {{"op", "unmount"}, {"mountpoint", "/content/drive"}};
  EXPECT_TRUE(client().ask(soon(), request).failed_with(ErrorCode::kBusy));
  request["force"] = true;
  const auto forced = client().ask(soon(), request);
  ASSERT_TRUE(forced.ok());
  EXPECT_EQ((*forced)["unmounted"], "/content/drive");
  EXPECT_EQ((*forced)["last"], false);
}

TEST_F(SocketTest, MountsOnceMoreForTheSameSettingsOnly) {  // D5
  const MountRequest wanted{.mountpoint = "/new", .kernel_options = {"ro"}, .read_deadline = 5s};
  const auto mounted = client().ask(soon(), mount_document(wanted, identity_));
  ASSERT_TRUE(mounted.ok());
  EXPECT_EQ((*mounted)["already"], false);
  EXPECT_EQ(mounts_.options, std::vector<std::string>{"ro"});
  Identity other = identity_;
  other.cache_dir = "/elsewhere";
  other.layout = tree::Layout::kRoot;
  const auto refused = client().ask(soon(), mount_document(wanted, other));
  ASSERT_TRUE(refused.failed_with(ErrorCode::kBusy));
  for (const char* part : {"/content/drive", "/elsewhere", "/cache", "--layout", "root"}) {
    EXPECT_THAT(refused.error().message, ::testing::HasSubstr(part));
  }
  EXPECT_THAT(refused.error().message, ::testing::Not(::testing::HasSubstr("--docs")));
}

TEST_F(SocketTest, HowWhatIsWrittenGoesToDriveIsTheSameAtAllMountpoints) {  // D5
  const MountRequest wanted{.mountpoint = "/new", .kernel_options = {}, .read_deadline = 5s};
  Identity other = identity_;
  other.writes = {.read_only = true,  // one of them may be for reading only
                  .fsync = vfs::FsyncMode::kUpload,
                  .settle = 1500ms,
                  .max_backlog = {},
                  .delete_permanently = true,
                  .revisions = vfs::RevisionsMode::kKeep};
  const auto refused = client().ask(soon(), mount_document(wanted, other));
  ASSERT_TRUE(refused.failed_with(ErrorCode::kBusy));
  for (const char* part :
       {"--fsync journal (not upload)", "--settle 1s (not 1500ms)", "--max-backlog 10m (not 0s)",
        "--delete trash (not permanent)", "--revisions auto (not keep)"}) {
    EXPECT_THAT(refused.error().message, ::testing::HasSubstr(part));
  }
  for (const char* part : {"--read-only", "--docs"}) {
    EXPECT_THAT(refused.error().message, ::testing::Not(::testing::HasSubstr(part)));
  }
  other.writes = {.read_only = true};
  EXPECT_TRUE(client().ask(soon(), mount_document(wanted, other)).ok());
}

TEST_F(SocketTest, AMountForReadingIsNotJoinedByOneForWriting) {
  Identity reading = identity_;
  reading.writes.read_only = true;
  Dispatcher dispatcher(reading, vfs_, clock_, metrics_, &mounts_, 300s);
  const MountRequest wanted{.mountpoint = "/new", .kernel_options = {}, .read_deadline = 5s};
  Collected reply;
  const Status refused = dispatcher.handle({}, mount_document(wanted, identity_), reply);
  ASSERT_TRUE(refused.failed_with(ErrorCode::kBusy));
  EXPECT_THAT(refused.error().message, ::testing::HasSubstr("--read-only"));
}

TEST_F(SocketTest, AsksForWhatAListingDoesNotKnowYet) {  // the target of a shortcut
  tree::Node node;
  node.inode = InodeId(12);
  node.kind = tree::NodeKind::kDirectory;
  vfs_.looked_up["gone"] = node;
  Collected reply;
  ASSERT_TRUE(client().call(soon(), {{"op", "ls"}, {"path", ""}}, reply).ok());
  ASSERT_EQ(reply.documents.size(), 3U);
  EXPECT_EQ(reply.documents[2]["type"], "directory");
}

TEST_F(SocketTest, EachStepEndsWithTheReadDeadline) {  // R5
  TimePoint deadline{};
  vfs_.before_list = [&](const Context& context) -> Status {
    deadline = context.deadline;
    return {};
  };
  Collected reply;
  ASSERT_TRUE(client().call(soon(), {{"op", "ls"}, {"path", ""}}, reply).ok());
  EXPECT_LE(deadline, clock_.now() + 300s);
}

TEST_F(SocketTest, WhatWaitsForDriveNeitherStopsStatusNorOutlivesItsClient) {
  std::atomic<int> waiting{0};
  vfs_.before_list = [&](const Context& context) -> Status {
    ++waiting;
    std::mutex mutex;
    std::condition_variable never;
    std::unique_lock lock(mutex);
    const Status status = wait(context, clock_, lock, never, [] { return false; });
    --waiting;
    return status;
  };
  {
    std::vector<UniqueFd> clients;
    for (int i = 0; i < 40; ++i) {
      clients.push_back(connect_raw());
      const std::string request = json{{"op", "ls"}, {"path", ""}}.dump();
      ASSERT_TRUE(send_frame(soon(), clock_, clients.back().get(), 'J', request).ok());
    }
    while (waiting < 32) std::this_thread::yield();
    EXPECT_TRUE(client().ask(soon(), {{"op", "status"}}).ok());
    EXPECT_TRUE(client().ask(soon(), {{"op", "ls"}, {"path", ""}}).failed_with(ErrorCode::kBusy));
  }
  while (waiting > 0) std::this_thread::yield();
  server_.reset();  // a request that was read late counts here too
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
  const UniqueFd owned = connect_raw();
  const int fd = owned.get();
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
  threads.reserve(8);
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
