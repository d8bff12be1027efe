#include "auth/login_store.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/file.h"
#include "base/log.h"
#include "base/strings.h"

namespace driveway::auth {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSuffix = ".json";
constexpr std::string_view kBegunSuffix = ".begun";
constexpr std::size_t kMaxLoginFile = 64 * 1024;
// flock cannot be waited for with a deadline: it is tried at this pace.
constexpr Duration kLockPace = std::chrono::milliseconds(25);
// Who holds it for longer is stuck; without the lock, at worst two processes refresh at once.
constexpr Duration kLockLimit = std::chrono::seconds(15);

bool is_name(std::string_view name) {
  return !name.empty() && name.size() <= 100 && name.front() != '.' && name.front() != '-' &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '.' || c == '_' || c == '-' || c == '@' || c == '+';
         });
}

Status check_name(std::string_view name) {
  if (is_name(name)) return {};
  return Error{ErrorCode::kInvalidArgument,
               cat("'", name, "' cannot be the name of an account: letters, digits and . _ - @ +")};
}

// A lock file beside the login: the login's own is replaced by every save.
fs::path lock_path(const fs::path& login) {
  fs::path path = login;
  path.replace_extension(".lock");
  return path;
}

// Ok with nothing: there is no lock to be had (no folder, read-only) or it took too long.
Result<std::optional<FileLock>> take_lock(const Context& context, Clock& clock,
                                          const fs::path& login) {
  const TimePoint give_up = clock.now() + kLockLimit;
  while (true) {
    Result<FileLock> lock = FileLock::try_lock(lock_path(login));
    if (lock.ok()) return std::optional<FileLock>(*std::move(lock));
    if (!lock.failed_with(ErrorCode::kBusy)) return std::optional<FileLock>();
    if (clock.now() >= give_up) {
      log::warn(lock.error(), " for too long; going on without");
      return std::optional<FileLock>();
    }
    DRIVEWAY_CHECK(sleep_until(context, clock, clock.now() + kLockPace));
  }
}

Status write_login(const fs::path& path, const Credential& credential) {
  DRIVEWAY_CHECK(make_private_directory(path.parent_path(), 0700));
  const Secret text(credential_json(credential));
  return write_file_atomically(path, text.reveal(), 0600);
}

Result<Credential> read_login(const fs::path& path, std::string_view what,
                              const std::string& remedy) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) {
      return Error{ErrorCode::kLoginNeeded, cat("there is no ", what, "; ", remedy)};
    }
    return errno_error(errno, cat("cannot read '", path.native(), "'"));
  }
  if ((info.st_mode & 077) != 0) {
    return Error{ErrorCode::kLoginNeeded,
                 cat("the file of the ", what, " is open to other users: chmod 600 '",
                     path.native(), "', or ", remedy)};
  }
  DRIVEWAY_TRY(std::string text, read_file(path, kMaxLoginFile));
  const Secret content(std::move(text));
  return parse_credential(content.reveal(), what, remedy);
}

// Also one that is over.
std::optional<BegunLogin> read_begun(const fs::path& path) {
  struct stat info {};
  if (::lstat(path.c_str(), &info) != 0 || !S_ISREG(info.st_mode) || (info.st_mode & 077) != 0) {
    return std::nullopt;
  }
  auto text = read_file(path, kMaxLoginFile);
  if (!text.ok()) return std::nullopt;
  const Secret content(*std::move(text));
  return parse_begun_login(content.reveal());
}

// Ok where there is nothing.
Status remove_file(const fs::path& path) {
  if (::unlink(path.c_str()) != 0 && errno != ENOENT && errno != ENOTDIR) {
    return errno_error(errno, cat("cannot remove '", path.native(), "'"));
  }
  return {};
}

class StoredHome final : public CredentialHome {
 public:
  StoredHome(std::string name, fs::path path) : name_(std::move(name)), path_(std::move(path)) {}
  Result<Credential> load() override { return read_login(path_, describe(), remedy()); }
  std::string version() const override { return file_version(path_); }
  Status replace_refresh_token(const Secret& old, const Secret& fresh) override {
    DRIVEWAY_TRY(Credential credential, load());
    if (credential.refresh_token != old) return {};  // somebody logged in anew meanwhile
    credential.refresh_token = fresh;
    return write_login(path_, credential);
  }
  std::optional<FileLock> lock(const Context& context, Clock& clock) override {
    auto held = take_lock(context, clock, path_);
    return held.ok() ? *std::move(held) : std::nullopt;  // what ended it ends the refresh too
  }
  std::string describe() const override { return cat("stored login ", name_); }
  std::string remedy() const override { return login_remedy(name_); }

 private:
  const std::string name_;
  const fs::path path_;
};

}  // namespace

std::string login_remedy(std::string_view name) {
  if (name.empty() || name == kDefaultAccount) return "run `driveway login`";
  return cat("run `driveway login --account ", name, "`");
}

LoginStore::LoginStore(const fs::path& config_folder, Clock& clock)
    : folder_(config_folder / "logins"), clock_(clock) {}

fs::path LoginStore::path_of(std::string_view name) const { return folder_ / cat(name, kSuffix); }

std::vector<std::string> LoginStore::names() const {
  std::vector<std::string> names;
  std::error_code failed;
  for (fs::directory_iterator entry(folder_, failed), end; !failed && entry != end;
       entry.increment(failed)) {
    const std::string file = entry->path().filename().string();
    if (!file.ends_with(kSuffix)) continue;
    std::string name = file.substr(0, file.size() - kSuffix.size());
    if (is_name(name)) names.push_back(std::move(name));
  }
  std::sort(names.begin(), names.end());
  return names;
}

bool LoginStore::contains(std::string_view name) const {
  return is_name(name) && !file_version(path_of(name)).empty();
}

Result<Credential> LoginStore::load(const std::string& name) const {
  DRIVEWAY_CHECK(check_name(name));
  return read_login(path_of(name), cat("stored login ", name), login_remedy(name));
}

Status LoginStore::save(const Context& context, const std::string& name,
                        Credential credential) const {
  DRIVEWAY_CHECK(check_name(name));
  const fs::path path = path_of(name);
  DRIVEWAY_CHECK(make_private_directory(folder_, 0700));
  DRIVEWAY_TRY(const auto held, take_lock(context, clock_, path));
  if (!credential.created) credential.created = clock_.wall_now();
  return write_login(path, credential);
}

Status LoginStore::remove(const Context& context, const std::string& name) const {
  DRIVEWAY_CHECK(check_name(name));
  const fs::path path = path_of(name);
  DRIVEWAY_TRY(const auto held, take_lock(context, clock_, path));
  return remove_file(path);
}

fs::path LoginStore::begun_path_of(std::string_view name) const {
  return folder_ / cat(name, kBegunSuffix);
}

std::optional<BegunLogin> LoginStore::begun(const std::string& name) const {
  if (!is_name(name)) return std::nullopt;
  auto login = read_begun(begun_path_of(name));
  return login && !login->is_over(clock_.wall_now()) ? std::move(login) : std::nullopt;
}

Result<BegunLogin> LoginStore::keep_begun(const Context& context, const std::string& name,
                                          const LoginRequest& request, BegunLogin fresh) const {
  DRIVEWAY_CHECK(check_name(name));
  DRIVEWAY_CHECK(make_private_directory(folder_, 0700));
  DRIVEWAY_TRY(const auto held, take_lock(context, clock_, path_of(name)));
  if (auto other = begun(name); other && other->fits(request)) return *std::move(other);
  const Secret text(begun_login_json(fresh));
  DRIVEWAY_CHECK(write_file_atomically(begun_path_of(name), text.reveal(), 0600));
  return fresh;
}

Status LoginStore::drop_begun(const Context& context, const std::string& name,
                              const Secret& state) const {
  DRIVEWAY_CHECK(check_name(name));
  DRIVEWAY_TRY(const auto held, take_lock(context, clock_, path_of(name)));
  if (!state.empty()) {
    const auto kept = read_begun(begun_path_of(name));
    if (!kept || kept->state != state) return {};  // another one has begun meanwhile
  }
  return remove_file(begun_path_of(name));
}

std::unique_ptr<CredentialHome> LoginStore::home(const std::string& name) const {
  return std::make_unique<StoredHome>(name, path_of(name));
}

}  // namespace driveway::auth
