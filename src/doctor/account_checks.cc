#include "doctor/account_checks.h"

#include <algorithm>
#include <utility>

#include "auth/credential.h"
#include "base/bytes.h"
#include "base/strings.h"
#include "drive/enable_hint.h"

namespace driveway::doctor {
namespace {

constexpr std::string_view kLogin = "login";
constexpr std::string_view kScopes = "scopes";
constexpr std::string_view kDriveApi = "drive_api";
constexpr std::string_view kStorage = "storage";

constexpr double kNearlyFull = 0.95;
constexpr std::string_view kLater = "try again in a minute";

bool contains_scope(const std::vector<std::string>& scopes, std::string_view scope) {
  return std::find(scopes.begin(), scopes.end(), scope) != scopes.end();
}

// A failure that says `text`, whose end may be what to do ("…; run `driveway login --account x`");
// else it is `remedy`.
Finding fail_with(std::string_view name, std::string_view text, std::string_view remedy) {
  constexpr std::string_view kBegins = "run `driveway login";
  constexpr std::size_t kSeparator = 2;  // "; " or ": "
  const auto at = text.rfind(kBegins);
  if (at == std::string_view::npos || at < kSeparator) {
    return fail(name, std::string(text), std::string(remedy));
  }
  return fail(name, std::string(text.substr(0, at - kSeparator)), std::string(text.substr(at)));
}

bool says_no_answer(const Error& error) {
  return error.code == ErrorCode::kDeadlineExceeded || error.code == ErrorCode::kUnavailable;
}

}  // namespace

LoginCheck check_login(const Context& context,
                       const Result<std::unique_ptr<auth::TokenSource>>& source) {
  if (!source.ok()) {
    return {fail_with(kLogin, source.error().to_string(), "run `driveway login`"), {}};
  }
  const std::string which = (*source)->describe();
  auto token = (*source)->token(context);
  if (token.ok()) return {ok(kLogin, cat(which, " gives a token")), *std::move(token)};
  if (token.failed_with(ErrorCode::kCancelled)) return {not_checked(kLogin, "interrupted"), {}};
  if (token.failed_with(ErrorCode::kDeadlineExceeded)) {
    return {fail(kLogin, cat(which, ": Google gave no token in time"), std::string(kLater)), {}};
  }
  std::string text = token.error().to_string();
  if (!text.starts_with(which)) text = cat(which, ": ", text);
  const bool later = says_no_answer(token.error());
  return {fail_with(kLogin, text, later ? kLater : "run `driveway login`"), {}};
}

Finding check_scopes(const std::vector<std::string>& scopes, bool read_only) {
  if (scopes.empty()) return ok(kScopes, "Google did not say; Drive's answer shows it");
  if (contains_scope(scopes, auth::kScopeDrive)) return ok(kScopes, "drive: read and write");
  if (!contains_scope(scopes, auth::kScopeDriveReadOnly)) {
    return warn(kScopes,
                "drive.file: only the files that this OAuth client has made are to be seen",
                "run `driveway login` without --with to reach all of Drive");
  }
  if (read_only) return ok(kScopes, "drive.readonly: read only, as the setting read-only has it");
  return warn(kScopes, "drive.readonly: read only; nothing that is written will get to Drive",
              "run `driveway login` without --read-only to write, or mount with --read-only");
}

Finding check_drive_api(const Result<drive::About>& about) {
  if (about.ok()) return ok(kDriveApi, cat("answers, as ", about->email));
  const Error& error = about.error();
  if (error.code == ErrorCode::kCancelled) return not_checked(kDriveApi, "interrupted");
  if (const auto url = drive::enable_url(error)) {
    return fail(kDriveApi, "the Drive API is not enabled in the Cloud project of this login",
                cat("open ", *url, " , press Enable, and wait some minutes"));
  }
  if (error.code == ErrorCode::kDeadlineExceeded) {
    return fail(kDriveApi, "Drive did not answer in time", std::string(kLater));
  }
  std::string text = error.to_string();
  if (error.code == ErrorCode::kRateLimited || error.code == ErrorCode::kQuotaExceeded) {
    return warn(kDriveApi, std::move(text),
                "Drive's limit of requests is used up: wait, or log in with an OAuth client of "
                "your own");
  }
  return fail_with(kDriveApi, text, says_no_answer(error) ? kLater : "run `driveway login` again");
}

Finding check_storage(const drive::About& about) {
  const std::string used = format_size(about.usage);
  if (!about.storage_limit) return ok(kStorage, cat(used, " used, no limit"));
  const Bytes limit = *about.storage_limit;
  std::string found = cat(used, " used of ", format_size(limit));
  std::string remedy =
      cat("empty the trash of Drive, which holds ", format_size(about.usage_in_trash),
          ", remove files, or buy storage: "
          "https://drive.google.com/drive/quota");
  if (about.usage >= limit) {
    return fail(kStorage, cat(found, ": full, nothing can be uploaded to My Drive"),
                std::move(remedy));
  }
  const double share = static_cast<double>(about.usage) / static_cast<double>(limit);
  if (share >= kNearlyFull) {
    return warn(kStorage, cat(found, ": nearly full"), std::move(remedy));
  }
  return ok(kStorage, std::move(found));
}

}  // namespace driveway::doctor
