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

constexpr int kMaxConnections = 256;
constexpr int kMaxLengthy = 32;  // requests that may wait for Drive
constexpr int kTickMs = 50;
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
    UniqueFd fd;
    CancelSource gone;  // cancelled when the peer has gone
    bool peer_is_here = true;
    std::atomic<bool> done{false};
    std::thread thread;
  };

  void accept_loop() {
    const Context context{.cancel = stopping_.token()};
    while (context.check(clock_).ok()) {
      const bool somebody_calls = look_around();
      reap();
      if (somebody_calls) accept_one();
    }
  }

  // Waits a moment for a new client, and cancels what those asked for that have gone.
  bool look_around() {
    std::vector<pollfd> polled = {{.fd = listener_.get(), .events = POLLIN, .revents = 0}};
    std::vector<Connection*> peers;
    for (Connection& connection : connections_) {
      if (!connection.peer_is_here) continue;
      polled.push_back({.fd = connection.fd.get(), .events = POLLRDHUP, .revents = 0});
      peers.push_back(&connection);
    }
    if (::poll(polled.data(), polled.size(), kTickMs) <= 0) return false;
    for (std::size_t i = 0; i < peers.size(); ++i) {
      if (polled[i + 1].revents == 0) continue;
      peers[i]->peer_is_here = false;
      peers[i]->gone.cancel();
    }
    return polled[0].revents != 0;
  }

  void accept_one() {
    UniqueFd fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!fd.valid() || !same_user(fd.get()) || connections_.size() >= kMaxConnections) return;
    Connection& connection = connections_.emplace_back();
    connection.fd = std::move(fd);
    connection.gone = CancelSource(stopping_.token());
    auto thread = try_start_thread("control-client", [this, &connection] {
      serve(connection);
      connection.done = true;
    });
    if (thread) {
      connection.thread = *std::move(thread);
    } else {
      connections_.pop_back();
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
  void serve(Connection& connection) {
    const int fd = connection.fd.get();
    const Context context{.cancel = connection.gone.token()};
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
    const Status status = handle(context, request, reply);
    return send_frame(context, clock_, fd, 'E', encode_status(status));
  }

  Status handle(const Context& context, const json& request, Reply& reply) {
    if (is_urgent(request)) return dispatcher_.handle(context, request, reply);
    Status status = Error{ErrorCode::kBusy, "too many commands at once are waiting for Drive"};
    if (lengthy_.fetch_add(1) < kMaxLengthy) status = dispatcher_.handle(context, request, reply);
    lengthy_.fetch_sub(1);
    return status;
  }

  UniqueFd listener_;
  const std::filesystem::path socket_;
  Dispatcher& dispatcher_;
  Clock& clock_;
  CancelSource stopping_;
  std::atomic<int> lengthy_{0};
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

std::filesystem::path directory_without_session() { return cat("/tmp/driveway-", ::geteuid()); }

}  // namespace

Result<std::filesystem::path> runtime_directory() {
  const char* runtime = std::getenv("XDG_RUNTIME_DIR");
  const std::filesystem::path folder = runtime != nullptr && *runtime != '\0'
                                           ? std::filesystem::path(runtime) / "driveway"
                                           : directory_without_session();
  DRIVEWAY_CHECK(make_private_directory(folder));
  return folder;
}

std::vector<std::filesystem::path> runtime_directories() {
  std::vector<std::filesystem::path> folders;
  if (auto own = runtime_directory(); own.ok()) folders.push_back(*std::move(own));
  for (const std::filesystem::path& other :
       {std::filesystem::path(cat("/run/user/", ::geteuid(), "/driveway")),
        directory_without_session()}) {
    struct stat info {};
    if (::lstat(other.c_str(), &info) == 0 && S_ISDIR(info.st_mode) && info.st_uid == ::geteuid() &&
        std::find(folders.begin(), folders.end(), other) == folders.end()) {
      folders.push_back(other);
    }
  }
  return folders;
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
    const Context limited = patience_ ? context.with_deadline(clock_->now() + *patience_) : context;
    DRIVEWAY_TRY(const Frame frame, receive_frame(limited, *clock_, fd_.get()));
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

bool Daemon::is_mounted_at(const std::string& mountpoint) const {
  return std::find(mountpoints.begin(), mountpoints.end(), mountpoint) != mountpoints.end();
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
                       .mountpoints = hello.value("mountpoints", std::vector<std::string>()),
                       .cache_dir = hello.value("cache_dir", ""),
                       .layout = hello.value("layout", "")});
  }
  std::sort(daemons.begin(), daemons.end(),
            [](const Daemon& a, const Daemon& b) { return a.mountpoints < b.mountpoints; });
  return daemons;
}

}  // namespace driveway::control
