#include "control/socket.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <list>
#include <mutex>
#include <thread>
#include <utility>

#include <nlohmann/json.hpp>

#include "base/log.h"
#include "base/strings.h"
#include "base/threads.h"
#include "control/wire.h"

namespace driveway::control {
namespace {

using nlohmann::json;

constexpr int kMaxConnections = 32;
constexpr auto kHelloDeadline = std::chrono::seconds(2);
constexpr auto kLastAnswers = std::chrono::seconds(1);

Result<sockaddr_un> address_of(const std::filesystem::path& socket) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string& text = socket.native();
  if (text.size() >= sizeof address.sun_path) {
    return Error{ErrorCode::kNameTooLong,
                 cat("the path of the control socket is too long: ", text)};
  }
  std::memcpy(address.sun_path, text.c_str(), text.size() + 1);
  return address;
}

bool same_user(int fd) {
  ucred peer{};
  socklen_t length = sizeof peer;
  return ::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0 && peer.uid == ::geteuid();
}

class SocketReply final : public Reply {
 public:
  SocketReply(const Context& context, Clock& clock, int fd)
      : context_(context), clock_(clock), fd_(fd) {}
  Status document(const json& document) override {
    return send_frame(context_, clock_, fd_, 'J',
                      document.dump(-1, ' ', false, json::error_handler_t::replace));
  }
  Status bytes(std::span<const std::byte> data) override {
    return send_frame(context_, clock_, fd_, 'B',
                      {reinterpret_cast<const char*>(data.data()), data.size()});
  }

 private:
  const Context& context_;
  Clock& clock_;
  const int fd_;
};

class ServerImpl final : public Server {
 public:
  ServerImpl(UniqueFd listener, std::filesystem::path socket, Dispatcher& dispatcher, Clock& clock)
      : listener_(std::move(listener)),
        socket_(std::move(socket)),
        dispatcher_(dispatcher),
        clock_(clock),
        acceptor_(start_thread("control", [this] { accept_loop(); })) {}

  ~ServerImpl() override {
    finish_answers();
    stopping_.cancel();
    acceptor_.join();
    std::error_code ignored;
    std::filesystem::remove(socket_, ignored);
    for (Connection& connection : connections_) connection.thread.join();
  }

 private:
  struct Connection {
    std::thread thread;
    std::atomic<bool> done{false};
  };

  void accept_loop() {
    const Context context{.cancel = stopping_.token()};
    while (context.check(clock_).ok()) {
      pollfd poller{.fd = listener_.get(), .events = POLLIN, .revents = 0};
      if (::poll(&poller, 1, 50) <= 0) continue;
      UniqueFd fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
      if (!fd.valid() || !same_user(fd.get())) continue;
      reap();
      if (connections_.size() >= kMaxConnections) continue;
      Connection& connection = connections_.emplace_back();
      connection.thread =
          start_thread("control-client", [this, &connection, socket = fd.release()] {
            const UniqueFd owned(socket);
            serve(socket);
            connection.done = true;
          });
    }
  }

  // An answer that is due soon goes out first: above all that of the request to unmount.
  void finish_answers() {
    const Context context{.deadline = clock_.now() + kLastAnswers};
    std::unique_lock lock(mutex_);
    const Status idle =
        driveway::wait(context, clock_, lock, answered_, [this] { return answering_ == 0; });
    if (!idle.ok()) log::info("requests of commands are cut off");
  }

  void count_answers(int change) {
    const std::lock_guard lock(mutex_);
    answering_ += change;
    answered_.notify_all();
  }

  void reap() {
    for (auto it = connections_.begin(); it != connections_.end();) {
      if (it->done) {
        it->thread.join();
        it = connections_.erase(it);
      } else {
        ++it;
      }
    }
  }

  // Requests on one connection, one after the other, until the peer goes.
  void serve(int fd) {
    const Context context{.cancel = stopping_.token()};
    while (true) {
      const auto frame = receive_frame(context, clock_, fd);
      if (!frame.ok() || frame->kind != 'J') return;
      count_answers(1);
      const Status answered = answer(context, frame->payload, fd);
      count_answers(-1);
      if (!answered.ok()) return;
    }
  }

  Status answer(const Context& context, const std::string& payload, int fd) {
    const json request = json::parse(payload, nullptr, false);
    SocketReply reply(context, clock_, fd);
    const Status status = dispatcher_.handle(context, request, reply);
    return send_frame(context, clock_, fd, 'E', encode_status(status));
  }

  UniqueFd listener_;
  const std::filesystem::path socket_;
  Dispatcher& dispatcher_;
  Clock& clock_;
  CancelSource stopping_;
  std::mutex mutex_;
  std::condition_variable answered_;
  int answering_ = 0;                  // guarded by mutex_
  std::list<Connection> connections_;  // the acceptor's, then the destructor's
  std::thread acceptor_;
};

// Keeps the first document.
class OneDocument final : public Reply {
 public:
  Status document(const json& document) override {
    if (document_.is_null()) document_ = document;
    return {};
  }
  Status bytes(std::span<const std::byte>) override { return {}; }
  json take() { return std::move(document_); }

 private:
  json document_;
};

}  // namespace

Result<std::filesystem::path> runtime_directory() {
  const char* runtime = std::getenv("XDG_RUNTIME_DIR");
  const std::filesystem::path folder =
      runtime != nullptr && *runtime != '\0'
          ? std::filesystem::path(runtime) / "driveway"
          : std::filesystem::path(cat("/tmp/driveway-", ::geteuid()));
  DRIVEWAY_CHECK(make_private_directory(folder));
  return folder;
}

Result<std::unique_ptr<Server>> Server::start(const std::filesystem::path& folder,
                                              Dispatcher& dispatcher, Clock& clock) {
  const std::filesystem::path socket = folder / cat(::getpid(), ".sock");
  DRIVEWAY_TRY(const sockaddr_un address, address_of(socket));
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.valid()) return errno_error(errno, "control socket");
  std::error_code ignored;
  std::filesystem::remove(socket, ignored);  // of a dead process that had this pid
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::chmod(socket.c_str(), 0600) != 0 || ::listen(fd.get(), kMaxConnections) != 0) {
    return errno_error(errno, cat("control socket ", socket.string()));
  }
  return std::unique_ptr<Server>(
      std::make_unique<ServerImpl>(std::move(fd), socket, dispatcher, clock));
}

Result<Client> Client::connect(const std::filesystem::path& socket, Clock& clock) {
  DRIVEWAY_TRY(const sockaddr_un address, address_of(socket));
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.valid()) return errno_error(errno, "control socket");
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    if (errno == ECONNREFUSED) {
      std::error_code ignored;
      std::filesystem::remove(socket, ignored);
    }
    return Error{ErrorCode::kNotFound, cat("no daemon listens at ", socket.string())};
  }
  if (!same_user(fd.get())) {
    return Error{ErrorCode::kPermissionDenied, cat(socket.string(), " is another user's")};
  }
  return Client(std::move(fd), clock);
}

Status Client::call(const Context& context, const json& request, Reply& reply) {
  DRIVEWAY_CHECK(send_frame(context, *clock_, fd_.get(), 'J', request.dump()));
  while (true) {
    DRIVEWAY_TRY(const Frame frame, receive_frame(context, *clock_, fd_.get()));
    if (frame.kind == 'E') return decode_status(frame.payload);
    if (frame.kind == 'B') {
      DRIVEWAY_CHECK(reply.bytes(std::as_bytes(std::span(frame.payload))));
      continue;
    }
    const json document = json::parse(frame.payload, nullptr, false);
    if (document.is_discarded()) {
      return Error{ErrorCode::kCorrupt, "the daemon's answer was not understood"};
    }
    DRIVEWAY_CHECK(reply.document(document));
  }
}

Result<json> Client::ask(const Context& context, const json& request) {
  OneDocument reply;
  DRIVEWAY_CHECK(call(context, request, reply));
  return reply.take();
}

Status wait_for_exit(const Context& context, Clock& clock, int pid) {
  const UniqueFd process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!process.valid()) return {};  // it has exited
  return wait_readable(context, clock, process.get());
}

std::vector<Daemon> find_daemons(const std::filesystem::path& folder, Clock& clock) {
  std::vector<Daemon> daemons;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(folder, ignored)) {
    if (entry.path().extension() != ".sock") continue;
    auto client = Client::connect(entry.path(), clock);
    if (!client.ok()) continue;
    const Context context{.deadline = clock.now() + kHelloDeadline};
    const auto answer = client->ask(context, {{"op", "hello"}});
    if (!answer.ok() || !answer->is_object()) continue;
    const json& hello = *answer;
    daemons.push_back({.socket = entry.path(),
                       .pid = hello.value("pid", 0),
                       .account = hello.value("account", ""),
                       .permission_id = hello.value("permission_id", ""),
                       .mountpoint = hello.value("mountpoint", ""),
                       .cache_dir = hello.value("cache_dir", "")});
  }
  std::sort(daemons.begin(), daemons.end(),
            [](const Daemon& a, const Daemon& b) { return a.mountpoint < b.mountpoint; });
  return daemons;
}

}  // namespace driveway::control
