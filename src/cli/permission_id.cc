#include <algorithm>
#include <cctype>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/log.h"
#include "base/strings.h"
#include "cli/account.h"

namespace driveway::cli {
namespace {

using nlohmann::json;

json read_known(const std::filesystem::path& file) {
  json known = json::parse(read_file(file).value_or("{}"), nullptr, false);
  return known.is_object() ? std::move(known) : json::object();
}

// It becomes a folder's name: Drive's ids are digits, but what a server says is not trusted.
bool is_plain(const std::string& id) {
  return !id.empty() && id.size() <= 64 && std::all_of(id.begin(), id.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '-' || c == '_';
  });
}

// What it was the last time with `login_key`; "" where that is not known.
std::string known_id(const json& known, const std::string& login_key) {
  const auto entry = known.find(login_key);
  std::string last = entry != known.end() && entry->is_string() ? entry->get<std::string>() : "";
  return is_plain(last) ? last : "";
}

Result<std::string> find_out(const Context& context, Clock& clock, Account& account,
                             const std::filesystem::path& cache_dir) {
  DRIVEWAY_CHECK(make_private_directory(cache_dir));
  const std::filesystem::path file = cache_dir / "accounts.json";
  json known = read_known(file);
  const std::string last = known_id(known, account.login_key());
  const auto about = account.store().about(
      !last.empty() ? context.with_deadline(clock.now() + kPatienceWhenKnown) : context);
  if (!about.ok()) {
    const ErrorCode code = about.error().code;
    const bool no_answer = code == ErrorCode::kUnavailable ||
                           code == ErrorCode::kDeadlineExceeded || code == ErrorCode::kRateLimited;
    if (!no_answer || last.empty()) return about.error();
    log::warn("Drive does not answer; going on with what is cached: ", about.error());
    return last;
  }
  if (!is_plain(about->permission_id)) {
    return Error{ErrorCode::kCorrupt, "Drive's answer names no account"};
  }
  if (about->permission_id != last && !account.login_key().empty()) {
    known[account.login_key()] = about->permission_id;
    DRIVEWAY_CHECK(write_file_atomically(file, known.dump(2), 0600));
  }
  return about->permission_id;
}

}  // namespace

Result<std::string> permission_id(const Context& context, Clock& clock, Account& account,
                                  const std::filesystem::path& cache_dir) {
  DRIVEWAY_TRY(std::string id, find_out(context, clock, account, cache_dir));
  account.keep_learned_in(cache_dir / id);
  return id;
}

std::string remembered_permission_id(const std::string& login_key,
                                     const std::filesystem::path& cache_dir) {
  return login_key.empty() ? "" : known_id(read_known(cache_dir / "accounts.json"), login_key);
}

Result<std::string> last_permission_id(const Account& account,
                                       const std::filesystem::path& cache_dir) {
  std::string last = remembered_permission_id(account.login_key(), cache_dir);
  if (!last.empty()) return last;
  std::vector<std::string> folders;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(cache_dir, ignored)) {
    if (std::filesystem::is_directory(entry.path() / "journal", ignored)) {
      folders.push_back(entry.path().filename().string());
    }
  }
  if (folders.size() == 1) return folders.front();
  return Error{ErrorCode::kNotFound,
               folders.empty()
                   ? cat("nothing was ever written through ", cache_dir.string())
                   : cat(cache_dir.string(), " holds the data of ", folders.size(),
                         " accounts: say with --account whose is meant, or log in to it")};
}

}  // namespace driveway::cli
