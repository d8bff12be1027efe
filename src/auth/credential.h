// A login: what it takes to get access tokens without asking anybody.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/secret.h"

namespace driveway::auth {

// An OAuth client ("Desktop app"). Its secret is not confidential in Google's eyes, but the token
// endpoint wants it (oauth reference 2).
struct ClientIdentity {
  std::string id;
  Secret secret;
};

struct Credential {
  ClientIdentity client;
  Secret refresh_token;
  std::vector<std::string> scopes;  // granted; empty = not known
  std::string account;              // mail address; empty = not known
  // The Cloud project whose quota is used, instead of the client's own: Google asks for one where
  // the login is gcloud's (oauth reference 8). Empty = none.
  std::string quota_project{};
  std::optional<WallTime> created;
  std::optional<WallTime> grant_ends;  // where the access was given for a limited time
};

inline constexpr std::string_view kScopeDrive = "https://www.googleapis.com/auth/drive";
inline constexpr std::string_view kScopeDriveReadOnly =
    "https://www.googleapis.com/auth/drive.readonly";
// Only the files that the OAuth client's own project has made, or that were opened with it.
inline constexpr std::string_view kScopeDriveFile = "https://www.googleapis.com/auth/drive.file";

// Tells a login from every other one, of whatever account: 16 hex digits, which give nothing away.
std::string fingerprint(const Credential& credential);

// What `driveway login` asks for (oauth reference 6).
std::vector<std::string> drive_scopes(bool read_only);
// Whether all of Drive's files can be listed and read with these.
bool allows_drive(const std::vector<std::string>& scopes);
// Whether they are for reading and for nothing else; false where they are not known.
bool allows_only_reading(const std::vector<std::string>& scopes);
// Whether at least the client's own can.
bool allows_files(const std::vector<std::string>& scopes);
// "a b c" → its words.
std::vector<std::string> split_scopes(std::string_view text);

}  // namespace driveway::auth
