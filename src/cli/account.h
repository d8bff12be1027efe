// Everything that is needed to talk to Drive as one account: credentials, connections, the store
// with its decorators.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "auth/choose_source.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/context.h"
#include "base/metrics.h"
#include "base/result.h"
#include "drive/remote_store.h"

namespace driveway::cli {

// How Drive is asked.
struct AccountOptions {
  std::string quota = "auto";      // as --quota
  bool acknowledge_abuse = false;  // as drive::DriveOptions'
  Bytes max_download = 0;          // as http::Options', all that this process moves
  Bytes max_upload = 0;
};

class Account {
 public:
  // Starts threads: daemonize first. Errors: kLoginNeeded (with what to do),
  // kInvalidArgument.
  static Result<std::unique_ptr<Account>> open(const auth::SourceOptions& source,
                                               const AccountOptions& options, Clock& clock,
                                               Metrics& metrics);
  // Of nobody: every call to Drive fails with kLoginNeeded. For what lies in the cache folder.
  static std::unique_ptr<Account> without_login(Clock& clock, Metrics& metrics);
  virtual ~Account() = default;
  // Where the credentials come from, for status and messages.
  virtual const std::string& label() const = 0;
  // The label with the login's fingerprint: the same place may hold another account's login later.
  // Without a fingerprint "", which is nobody.
  virtual const std::string& login_key() const = 0;
  // As TokenSource's.
  virtual bool reads_only(const Context& context) = 0;
  virtual drive::RemoteStore& store() = 0;
  // Quota units that were used in the last minute.
  virtual std::uint64_t quota_units_last_minute() const = 0;
  // From now on what `--quota auto` learns of Drive's limits is kept in `folder`, the account's
  // own; what was kept there before is taken up. Called once.
  virtual void keep_learned_in(const std::filesystem::path& folder) = 0;
};

// How long Drive may take to answer what was known the last time.
inline constexpr Duration kPatienceWhenKnown = std::chrono::seconds(5);

// The permissionId of the account: its cache folder's name (D5). Asked of Drive; where Drive does
// not answer, what it was the last time with the same login (kept in `cache_dir`/accounts.json by
// login_key()), so that a mount of what is cached works without network, and never shows one
// account's cache to another's login. What the account learns of Drive's limits is kept in that
// folder from now on.
Result<std::string> permission_id(const Context& context, Clock& clock, Account& account,
                                  const std::filesystem::path& cache_dir);

// The same without asking Drive: as it was the last time with this login; without a login the one
// account that has a folder in `cache_dir`. Errors: kNotFound, with what to do.
Result<std::string> last_permission_id(const Account& account,
                                       const std::filesystem::path& cache_dir);

// What is remembered of the login with this login_key(); "" where that is nothing.
std::string remembered_permission_id(const std::string& login_key,
                                     const std::filesystem::path& cache_dir);

}  // namespace driveway::cli
