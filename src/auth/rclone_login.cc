#include "auth/rclone_login.h"

#include <algorithm>
#include <array>

#include "auth/json_fields.h"
#include "auth/login_store.h"
#include "base/file.h"
#include "base/strings.h"

namespace driveway::auth {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxRcloneConfig = 1 << 20;
constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
constexpr std::string_view kEncrypted = "RCLONE_ENCRYPT_V";
constexpr std::string_view kScopePrefix = "https://www.googleapis.com/auth/";
// Those that show another remote in another way.
constexpr std::array<std::string_view, 8> kWrappers = {"alias",    "cache", "chunker", "combine",
                                                       "compress", "crypt", "hasher",  "union"};

using Entry = RcloneEntries::mapped_type;

std::string entry_value(const Entry& entry, std::string_view key) {
  const auto found = entry.find(key);
  return found == entry.end() ? "" : found->second;
}

std::string unquoted_value(std::string_view text) {
  text = trim(text);
  for (const std::string_view quote : {std::string_view("\"\"\""), std::string_view("`")}) {
    if (text.size() >= 2 * quote.size() && text.starts_with(quote) && text.ends_with(quote)) {
      return std::string(text.substr(quote.size(), text.size() - 2 * quote.size()));
    }
  }
  return std::string(text);
}

std::string names_of(const RcloneEntries& entries) {
  std::string names;
  for (const auto& [name, entry] : entries) {
    if (entry_value(entry, "type") == "drive") names += cat(names.empty() ? "" : ", ", name);
  }
  return names.empty() ? "it has none of type drive; run `driveway login`"
                       : cat("those of type drive there are: ", names);
}

// "drive.readonly,drive.file", or whole addresses; "" is drive.
std::vector<std::string> rclone_scopes(std::string text) {
  std::replace(text.begin(), text.end(), ',', ' ');
  std::vector<std::string> scopes;
  for (const std::string& word : split_scopes(text)) {
    scopes.push_back(word.find("://") == std::string::npos ? cat(kScopePrefix, word) : word);
  }
  if (scopes.empty()) scopes.emplace_back(kScopeDrive);
  return scopes;
}

Error rclone_unusable(std::string_view what, std::string_view why) {
  return Error{ErrorCode::kLoginNeeded, cat(what, " cannot be taken over: ", why)};
}

Status check_type(const Entry& entry, std::string_view what) {
  const std::string type = entry_value(entry, "type");
  if (type == "drive") return {};
  if (std::find(kWrappers.begin(), kWrappers.end(), type) == kWrappers.end()) {
    return rclone_unusable(what, cat("it is of type ", type,
                                     ", not drive: choose a remote of Google "
                                     "Drive"));
  }
  const std::string inner = entry_value(entry, "remote");
  return rclone_unusable(what,
                         cat("it is of type ", type, ", which only shows another remote in its way",
                             inner.empty() ? "" : cat(" (", inner, ")"),
                             ": choose that one, if it is of type "
                             "drive. driveway shows the files as they lie in Drive",
                             type == "crypt" ? ", so encrypted" : ""));
}

// A service account, or Application Default Credentials: no login at all.
Status check_kind(const Entry& entry, std::string_view what) {
  const std::string file = entry_value(entry, "service_account_file");
  const bool inside = !entry_value(entry, "service_account_credentials").empty();
  if (!file.empty() || inside) {
    const std::string subject = entry_value(entry, "impersonate");
    return rclone_unusable(
        what, cat("it is a service account, which needs no login: ",
                  file.empty() ? "write its service_account_credentials to a file (chmod 600 it), "
                                 "then "
                               : "",
                  "`driveway mount MOUNTPOINT --with 'credentials=", file.empty() ? "FILE" : file,
                  "'", subject.empty() ? "" : cat(" --subject ", subject), "`"));
  }
  if (entry_value(entry, "env_auth") == "true") {
    return rclone_unusable(what,
                           "it uses Application Default Credentials: `driveway mount MOUNTPOINT "
                           "--with adc` does so too");
  }
  if (entry_value(entry, "client_id").empty()) {
    return rclone_unusable(
        what,
        "it has no client_id of its own, so it belongs to rclone's OAuth client. Run "
        "`driveway login` with an OAuth client of your own, or give the remote one "
        "(`rclone config`) and log in there again");
  }
  return {};
}

}  // namespace

Result<fs::path> find_rclone_config(const Environment& environment) {
  if (!environment.rclone_config.empty()) {
    if (!file_version(environment.rclone_config).empty()) return environment.rclone_config;
    return Error{ErrorCode::kLoginNeeded,
                 cat("RCLONE_CONFIG names '", environment.rclone_config.native(),
                     "', which is not there: set it to an rclone.conf")};
  }
  for (fs::path path : {environment.config_home / "rclone" / "rclone.conf",
                        environment.home / ".config" / "rclone" / "rclone.conf",
                        environment.home / ".rclone.conf"}) {
    if (!file_version(path).empty()) return path;
  }
  return Error{ErrorCode::kLoginNeeded,
               "there is no rclone.conf here: set RCLONE_CONFIG to one, or run `driveway login`"};
}

Result<RcloneEntries> parse_rclone_config(std::string_view text, std::string_view name) {
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  RcloneEntries entries;
  Entry* entry = nullptr;
  std::size_t number = 0;
  for (std::string_view line : split(text, '\n')) {
    ++number;
    line = trim(line);
    if (line.empty() || line.front() == '#' || line.front() == ';') continue;
    if (line.starts_with(kEncrypted)) {
      return Error{ErrorCode::kLoginNeeded,
                   cat(name,
                       " is encrypted. Write the entry to a file that is not, by `(umask 077; "
                       "rclone config show REMOTE > FILE)`, run `RCLONE_CONFIG=FILE driveway "
                       "login --with rclone=REMOTE`, and remove the file")};
    }
    if (line.front() == '[' && line.back() == ']') {
      entry = &entries[std::string(trim(line.substr(1, line.size() - 2)))];
      continue;
    }
    const auto equals = line.find_first_of("=:");
    if (entry == nullptr || equals == std::string_view::npos) {
      return Error{ErrorCode::kInvalidArgument,
                   cat(name, ", line ", number, ": that is no line of an rclone.conf")};
    }
    (*entry)[std::string(trim(line.substr(0, equals)))] = unquoted_value(line.substr(equals + 1));
  }
  return entries;
}

Result<Credential> read_rclone_login(std::string_view remote, const Environment& environment) {
  if (remote.ends_with(':')) remote.remove_suffix(1);
  DRIVEWAY_TRY(const fs::path path, find_rclone_config(environment));
  const std::string name = cat("'", path.native(), "'");
  DRIVEWAY_TRY(std::string text, read_file(path, kMaxRcloneConfig));
  const Secret content(std::move(text));
  DRIVEWAY_TRY(const RcloneEntries entries, parse_rclone_config(content.reveal(), name));
  const auto found = entries.find(std::string(remote));
  if (found == entries.end()) {
    return Error{ErrorCode::kLoginNeeded,
                 cat(name, " has no remote '", remote, "': ", names_of(entries))};
  }
  const Entry& entry = found->second;
  const std::string what = cat("the remote '", remote, "' of ", name);
  DRIVEWAY_CHECK(check_type(entry, what));
  DRIVEWAY_CHECK(check_kind(entry, what));
  Credential credential;
  const auto token = parse_object(entry_value(entry, "token"));
  if (token) credential.refresh_token = Secret(text_field(*token, "refresh_token"));
  if (credential.refresh_token.empty()) {
    return rclone_unusable(what, cat("it has no lasting login (no refresh_token in its token): run "
                                     "`rclone config reconnect ",
                                     remote, ":`, or `driveway login`"));
  }
  credential.client = {entry_value(entry, "client_id"),
                       Secret(entry_value(entry, "client_secret"))};
  credential.scopes = rclone_scopes(entry_value(entry, "scope"));
  return credential;
}

}  // namespace driveway::auth
