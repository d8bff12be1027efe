// The logins that `driveway login` has stored: CONFIG/logins/NAME.json, folder 0700, file 0600.
//
// A file is replaced atomically, under a lock that also covers read-refresh-write of other
// processes (oauth reference 12). Format, version 1: {"version": 1, "type": "authorized_user",
// "client_id", "client_secret", "refresh_token", "scopes": [...], "account", "quota_project_id",
// "created", "grant_ends"}, the last four optional, times in RFC 3339. `type` makes it a file that
// GOOGLE_APPLICATION_CREDENTIALS can name.
//
// Beside it CONFIG/logins/NAME.begun, 0600 too, under the same lock: a login that has begun and
// not ended (begun_login.h). It is no login: names() and contains() know nothing of it.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "auth/begun_login.h"
#include "auth/credential.h"
#include "auth/refresh_token_grant.h"
#include "base/clock.h"
#include "base/context.h"
#include "base/result.h"

namespace driveway::auth {

inline constexpr std::string_view kDefaultAccount = "default";

// Thread-safe; the state is on disk.
class LoginStore {
 public:
  // `config_folder` as Environment::config_folder; made when something is saved.
  LoginStore(const std::filesystem::path& config_folder, Clock& clock);

  // Names of the stored logins, sorted.
  std::vector<std::string> names() const;
  bool contains(std::string_view name) const;
  // Errors: kInvalidArgument for a name that cannot be one; kLoginNeeded where there is none, where
  // it is damaged, or where others may read it.
  Result<Credential> load(const std::string& name) const;
  // Replaces. `created` becomes now where it is not set. Errors: kInvalidArgument, as errno_error,
  // kDeadlineExceeded and kCancelled (waiting for the lock).
  Status save(const Context& context, const std::string& name, Credential credential) const;
  // Ok also where there was none. Errors: as save.
  Status remove(const Context& context, const std::string& name) const;

  // The login that has begun under this name, if it can still be taken up: one whose file is
  // damaged, or open to others, or that is over, is none.
  std::optional<BegunLogin> begun(const std::string& name) const;
  // Keeps `fresh` in place of what is there, unless another process has meanwhile begun one that
  // fits `request`. Gives the one that counts. Errors: as save.
  Result<BegunLogin> keep_begun(const Context& context, const std::string& name,
                                const LoginRequest& request, BegunLogin fresh) const;
  // Forgets the one with this state, or with "" whichever is there. Ok also where there is none.
  // Errors: as save.
  Status drop_begun(const Context& context, const std::string& name,
                    const Secret& state = Secret()) const;

  // For make_refresh_token_grant().
  std::unique_ptr<CredentialHome> home(const std::string& name) const;

  std::filesystem::path path_of(std::string_view name) const;
  std::filesystem::path begun_path_of(std::string_view name) const;

 private:
  const std::filesystem::path folder_;
  Clock& clock_;
};

// "run `driveway login`", with the account where it is not the default one.
std::string login_remedy(std::string_view name);

// The authorized_user shape, of stored logins and of Application Default Credentials alike.
// `what` begins the error texts. Errors: kLoginNeeded with `remedy`.
Result<Credential> parse_credential(std::string_view text, std::string_view what,
                                    std::string_view remedy);
std::string credential_json(const Credential& credential);

// Identity and change of a file: "DEVICE:INODE:SIZE:MTIME", "" where there is none.
std::string file_version(const std::filesystem::path& path);

}  // namespace driveway::auth
