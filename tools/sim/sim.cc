#include "sim/sim.h"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>
#include <cstdlib>
#include <optional>
#include <thread>
#include <utility>

#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/strings.h"
#include "base/threads.h"
#include "sim/admin/admin_service.h"
#include "sim/drive/drive_service.h"
#include "sim/net/ca.h"
#include "sim/oauth/metadata_sim.h"
#include "sim/oauth/oauth_sim.h"

namespace driveway::sim {
namespace {

using nlohmann::json;

// A folder of this process, for the CA of a simulator that keeps nothing.
class ScratchFolder {
 public:
  ScratchFolder() = default;
  ~ScratchFolder() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  Result<std::filesystem::path> create() {
    std::error_code ignored;
    std::string name =
        (std::filesystem::temp_directory_path(ignored) / "driveway-sim-XXXXXX").native();
    if (::mkdtemp(name.data()) == nullptr) return errno_error(errno, name);
    path_ = name;
    return path_;
  }

 private:
  std::filesystem::path path_;
};

// One simulator a data folder: a second one would write its state over the first one's. Held while
// the descriptor is open. Errors: kBusy, as errno_error.
Result<UniqueFd> lock_folder(const std::filesystem::path& folder) {
  const std::string path = (folder / "lock").native();
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!fd.valid()) return errno_error(errno, path);
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) == 0) return fd;
  if (errno != EWOULDBLOCK) return errno_error(errno, path);
  return Error{ErrorCode::kBusy, cat("another simulator uses the data folder ", folder.string(),
                                     ": stop it, or name another folder")};
}

// Which seeds a data folder has had: their sha256, one a line.
Result<bool> had_seed(const std::filesystem::path& list, const std::string& hash) {
  auto text = read_file(list);
  if (text.failed_with(ErrorCode::kNotFound)) return false;
  if (!text.ok()) return std::move(text).error();
  return text->find(hash) != std::string::npos;
}

Status note_seed(const std::filesystem::path& list, const std::string& hash) {
  const std::string before = read_file(list).value_or("");
  return write_file_atomically(list, before + hash + "\n", 0600);
}

Status apply_seed(DriveSim& drive, const std::string& text, const std::filesystem::path& data) {
  const json spec = json::parse(text, nullptr, false);
  if (spec.is_discarded()) return Error{ErrorCode::kInvalidArgument, "a seed is not JSON"};
  const std::string hash = hash_hex(HashKind::kSha256, text);
  if (!data.empty()) {
    DRIVEWAY_TRY(const bool had, had_seed(data / "seeded", hash));
    if (had) return {};
  }
  if (auto made = drive.seed(spec); !made.ok()) return wrap(std::move(made).error(), "seeding");
  if (data.empty()) return {};
  // Noted only once it is kept: else a kill in between would lose it for good.
  DRIVEWAY_CHECK(drive.save());
  return note_seed(data / "seeded", hash);
}

// Keeps the logins in the data folder. Without one it does nothing.
class LoginKeeper {
 public:
  LoginKeeper(OauthSim& oauth, const std::filesystem::path& data) : oauth_(oauth) {
    if (!data.empty()) path_ = data / "oauth.json";
  }
  // Errors: kCorrupt.
  Status load() {
    if (path_.empty()) return {};
    const auto text = read_file(path_);
    if (text.failed_with(ErrorCode::kNotFound)) return {};
    if (!text.ok()) return text.error();
    const json saved = json::parse(*text, nullptr, false);
    if (saved.is_discarded() || !oauth_.load(saved).ok()) {
      return Error{ErrorCode::kCorrupt, cat(path_.string(), " is not what was saved")};
    }
    saved_ = *text;
    return {};
  }
  // Not thread-safe.
  void save_if_changed() {
    if (path_.empty()) return;
    std::string text = oauth_.to_json().dump();
    if (text == saved_) return;
    if (const Status status = write_file_atomically(path_, text, 0600); !status.ok()) {
      log::error("sim: ", status.error());
      return;
    }
    saved_ = std::move(text);
  }
  bool keeps() const { return !path_.empty(); }

 private:
  OauthSim& oauth_;
  std::filesystem::path path_;
  std::string saved_;
};

constexpr auto kSaveInterval = std::chrono::seconds(5);

std::string url_of(const std::vector<ListenAddress>& addresses, bool tls) {
  for (const ListenAddress& address : addresses) {
    if (address.tls != tls) continue;
    // The certificate is for localhost as well as for the addresses; a wildcard is no host.
    if (tls) return cat("https://localhost:", address.port);
    const bool v6 = address.address.find(':') != std::string::npos;
    const bool any = address.address == "0.0.0.0" || address.address == "::";
    return cat("http://",
               any  ? "127.0.0.1"
               : v6 ? cat("[", address.address, "]")
                    : address.address,
               ":", address.port);
  }
  return "";
}

bool has_tls(const std::vector<ListenAddress>& addresses) {
  for (const ListenAddress& address : addresses) {
    if (address.tls) return true;
  }
  return false;
}

}  // namespace

// In the order of construction; what is used stands before its users.
struct SimServer::Parts {
  Parts(SimOptions sim_options, Clock& clock)
      : options(std::move(sim_options)),
        config(options.config),
        engine(config, clock),
        oauth(config, clock),
        metadata(oauth.book()),
        logins(oauth, options.data_dir) {}
  Status make_services(Clock& clock);
  Status make_accounts();
  void keep_logins();

  SimOptions options;
  UniqueFd lock;  // of the data folder
  ScratchFolder scratch;
  ConfigStore config;
  Engine engine;
  Certificates certificates;
  OauthSim oauth;
  MetadataSim metadata;
  LoginKeeper logins;
  std::unique_ptr<DriveSim> drive;
  std::unique_ptr<AdminService> admin;
  std::unique_ptr<Server> server;
  std::thread saver;
};

SimServer::SimServer(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

SimServer::~SimServer() { stop(); }

Result<std::unique_ptr<SimServer>> SimServer::start(SimOptions options) {
  static SystemClock clock;
  return start(std::move(options), clock);
}

Status SimServer::Parts::make_services(Clock& clock) {
  DRIVEWAY_TRY(drive,
               DriveSim::create(config, clock, oauth, DriveOptions{.data_dir = options.data_dir}));
  admin = std::make_unique<AdminService>(
      AdminParts{engine, *drive, oauth, certificates.ca_pem, options.on_stop});
  engine.services = {admin.get(), drive.get(), &oauth, &metadata};
  return {};
}

Status SimServer::Parts::make_accounts() {
  DRIVEWAY_CHECK(logins.load());
  for (const std::string& account : options.accounts) {
    DRIVEWAY_TRY(const json made, drive->create_account({{"email", account}}));
    static_cast<void>(made);
    DRIVEWAY_CHECK(oauth.add_account(account));
  }
  for (const std::string& seed : options.seeds) {
    DRIVEWAY_CHECK(apply_seed(*drive, seed, options.data_dir));
  }
  return {};
}

void SimServer::Parts::keep_logins() {
  while (engine.waiter.wait_until(engine.clock.now() + kSaveInterval)) logins.save_if_changed();
}

Result<std::unique_ptr<SimServer>> SimServer::start(SimOptions options, Clock& clock) {
  auto parts = std::make_unique<Parts>(std::move(options), clock);
  Parts& p = *parts;
  std::filesystem::path ca_folder = p.options.data_dir / "ca";
  if (p.options.data_dir.empty()) {
    DRIVEWAY_TRY(ca_folder, p.scratch.create());
  } else {
    DRIVEWAY_CHECK(make_private_directory(p.options.data_dir));
    DRIVEWAY_TRY(p.lock, lock_folder(p.options.data_dir));
  }
  DRIVEWAY_TRY(p.certificates, make_certificates(ca_folder));
  DRIVEWAY_CHECK(p.make_services(clock));
  DRIVEWAY_CHECK(p.make_accounts());
  p.drive->start_snapshots();
  std::optional<TlsContext> tls;
  if (has_tls(p.options.listen)) {
    DRIVEWAY_TRY(tls,
                 TlsContext::create(p.certificates.server_certificate, p.certificates.server_key));
  }
  ServerOptions server_options;
  server_options.listen = p.options.listen;
  DRIVEWAY_TRY(p.server, Server::start(std::move(server_options), p.engine, std::move(tls)));
  if (p.logins.keeps()) p.saver = start_thread("sim-logins", [&p] { p.keep_logins(); });
  return std::unique_ptr<SimServer>(new SimServer(std::move(parts)));
}

std::string SimServer::http_url() const { return url_of(parts_->server->addresses(), false); }
std::string SimServer::https_url() const { return url_of(parts_->server->addresses(), true); }
const std::filesystem::path& SimServer::ca_path() const { return parts_->certificates.ca_path; }
ConfigStore& SimServer::config() { return parts_->config; }
Engine& SimServer::engine() { return parts_->engine; }
StateAdmin& SimServer::state() { return *parts_->drive; }
TokenAdmin& SimServer::tokens() { return parts_->oauth; }

void SimServer::stop() {
  parts_->server->stop();
  if (const Status saved = parts_->drive->save(); !saved.ok()) log::error("sim: ", saved.error());
  if (parts_->saver.joinable()) {
    parts_->saver.join();
    parts_->logins.save_if_changed();
  }
}

}  // namespace driveway::sim
