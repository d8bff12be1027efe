#include "auth/choose_source.h"

#include <optional>

#include "auth/credentials_file.h"
#include "auth/given_token.h"
#include "auth/login_store.h"
#include "auth/metadata_server.h"
#include "auth/refresh_token_grant.h"
#include "auth/refreshing_source.h"
#include "auth/token_endpoint.h"
#include "auth/token_inspector.h"
#include "base/strings.h"

namespace driveway::auth {

namespace {

// For a metadata server, as google-auth has it; and where nobody has said that there is one.
constexpr Duration kAskedForPatience = std::chrono::seconds(3);
constexpr Duration kUnaskedPatience = std::chrono::seconds(1);

constexpr std::string_view kFileRemedy = "put a working file there, or run `driveway login`";
// gcloud's own client does not give access to Drive any more (oauth reference 8).
constexpr std::string_view kGcloudRemedy =
    "run `gcloud auth application-default login --client-id-file=FILE --scopes=openid,"
    "https://www.googleapis.com/auth/cloud-platform,https://www.googleapis.com/auth/drive` with "
    "the "
    "file of an OAuth client of your own, or `driveway login`, or choose another with --with";
constexpr std::string_view kColabRemedy =
    "run `auth.authenticate_user()` in a cell again, or `driveway login`";

using GrantResult = Result<std::unique_ptr<Grant>>;

class Chooser {
 public:
  Chooser(const SourceOptions& options, const Environment& environment, http::HttpClient& http,
          Clock& clock)
      : options_(options),
        environment_(environment),
        http_(http),
        clock_(clock),
        store_(environment.config_folder, clock),
        endpoint_(http, clock, environment.oauth_url),
        inspector_(http, clock, environment.oauth_url),
        parts_{endpoint_, http, clock, environment.quota_project, options.subject} {}

  GrantResult choose() {
    DRIVEWAY_TRY(auto grant, choose_grant());
    if (options_.subject.empty() || from_file_) return grant;
    return Error{ErrorCode::kInvalidArgument,
                 cat("--subject is for the key of a service account, and ", grant->describe(),
                     " is used: name the key's file by --with credentials=FILE")};
  }

 private:
  GrantResult choose_grant() {
    const Method& method = options_.method;
    if (method.is_explicit() && is_named()) {
      return Error{ErrorCode::kInvalidArgument,
                   cat("the account ", options_.account, " is a stored login, and --with ",
                       method.label(), " uses none: give one of them")};
    }
    switch (method.kind) {
      case Method::Kind::kAuto:
        return is_named() ? stored() : first_there();
      case Method::Kind::kStored:
        return stored();
      case Method::Kind::kTokenFile:
        return make_token_file_grant(method.argument, inspector_, clock_);
      case Method::Kind::kCommand: {
        DRIVEWAY_TRY(auto words, split_command(method.argument));
        return make_command_grant(std::move(words), inspector_, clock_);
      }
      case Method::Kind::kVariable:
        if (environment_.access_token.empty()) {
          return Error{ErrorCode::kLoginNeeded, "DRIVEWAY_ACCESS_TOKEN is not set: put a token in"};
        }
        return variable();
      case Method::Kind::kCredentials:
        from_file_ = true;
        return open_credentials_file(method.argument, "credentials file", std::string(kFileRemedy),
                                     parts_);
      case Method::Kind::kApplication:
        if (auto file = application()) return *std::move(file);
        return Error{ErrorCode::kLoginNeeded,
                     "GOOGLE_APPLICATION_CREDENTIALS is not set, and gcloud has no Application "
                     "Default Credentials: set it to a credentials file"};
      case Method::Kind::kMetadata:
        return metadata(kAskedForPatience,
                        Error{ErrorCode::kLoginNeeded,
                              "no metadata server answers: this is no Google VM, nor Colab; use "
                              "another --with, or run `driveway login`"});
    }
    return nothing_found();
  }

  bool is_named() const { return !options_.account.empty() && options_.account != kDefaultAccount; }

  GrantResult first_there() {
    if (!environment_.access_token.empty()) return variable();
    if (store_.contains(kDefaultAccount)) return stored();
    if (auto file = application()) return *std::move(file);
    if (!environment_.no_metadata) return metadata(kUnaskedPatience, nothing_found());
    return nothing_found();
  }

  GrantResult metadata(Duration patience, Error nobody) {
    return make_metadata_grant({metadata_hosts(environment_), patience, std::move(nobody)}, http_,
                               inspector_, clock_);
  }
  GrantResult stored() {
    const std::string name(is_named() ? std::string_view(options_.account) : kDefaultAccount);
    DRIVEWAY_CHECK(store_.load(name));
    return make_refresh_token_grant(store_.home(name), endpoint_, clock_);
  }
  GrantResult variable() {
    return make_variable_grant(environment_.access_token, inspector_, clock_);
  }
  // The search order of Google's libraries (oauth reference 8); nothing where there is no file.
  std::optional<GrantResult> application() {
    const auto open = [&](const std::filesystem::path& path, const std::string& name,
                          std::string_view remedy) {
      from_file_ = true;
      return open_credentials_file(path, name, std::string(remedy), parts_);
    };
    if (!environment_.application_credentials.empty()) {
      return open(environment_.application_credentials, "GOOGLE_APPLICATION_CREDENTIALS",
                  kFileRemedy);
    }
    if (!file_version(environment_.gcloud_credentials).empty()) {
      return open(environment_.gcloud_credentials, "gcloud's credentials", kGcloudRemedy);
    }
    if (!file_version(environment_.colab_credentials).empty()) {
      return open(environment_.colab_credentials, "Colab's credentials", kColabRemedy);
    }
    return std::nullopt;
  }

  Error nothing_found() const {
    std::string message =
        "no login: run `driveway login`, or in Colab `from google.colab import auth; "
        "auth.authenticate_user()` in a cell, or set GOOGLE_APPLICATION_CREDENTIALS to a "
        "credentials file";
    std::string names;
    for (const std::string& name : store_.names()) names += cat(names.empty() ? "" : ", ", name);
    if (!names.empty()) message += cat(", or choose with --account a stored login: ", names);
    return Error{ErrorCode::kLoginNeeded, std::move(message)};
  }

  const SourceOptions& options_;
  const Environment& environment_;
  http::HttpClient& http_;
  Clock& clock_;
  const LoginStore store_;
  const TokenEndpoint endpoint_;
  const TokenInspector inspector_;
  const CredentialsParts parts_;
  bool from_file_ = false;
};

}  // namespace

Result<std::unique_ptr<TokenSource>> choose_source(const SourceOptions& options,
                                                   const Environment& environment,
                                                   http::HttpClient& http, Clock& clock) {
  DRIVEWAY_TRY(auto grant, Chooser(options, environment, http, clock).choose());
  return make_refreshing_source(std::move(grant), clock);
}

}  // namespace driveway::auth
