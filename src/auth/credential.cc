#include "auth/credential.h"

#include <algorithm>

#include "base/hash.h"
#include "base/strings.h"

namespace driveway::auth {

std::string fingerprint(const Credential& credential) {
  const Secret login(cat(credential.client.id, "\n", credential.refresh_token.reveal()));
  return hash_hex(HashKind::kSha256, login.reveal()).substr(0, 16);
}

std::vector<std::string> drive_scopes(bool read_only) {
  return {std::string(read_only ? kScopeDriveReadOnly : kScopeDrive)};
}

bool allows_drive(const std::vector<std::string>& scopes) {
  return std::any_of(scopes.begin(), scopes.end(), [](const std::string& scope) {
    return scope == kScopeDrive || scope == kScopeDriveReadOnly;
  });
}

bool allows_only_reading(const std::vector<std::string>& scopes) {
  const auto has = [&](std::string_view scope) {
    return std::find(scopes.begin(), scopes.end(), scope) != scopes.end();
  };
  return has(kScopeDriveReadOnly) && !has(kScopeDrive);
}

bool allows_files(const std::vector<std::string>& scopes) {
  return allows_drive(scopes) ||
         std::find(scopes.begin(), scopes.end(), kScopeDriveFile) != scopes.end();
}

std::vector<std::string> split_scopes(std::string_view text) {
  std::vector<std::string> scopes;
  for (const std::string_view word : split(text, ' ')) {
    if (!word.empty()) scopes.emplace_back(word);
  }
  return scopes;
}

}  // namespace driveway::auth
