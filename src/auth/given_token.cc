#include "auth/given_token.h"

#include <sys/stat.h>

#include "auth/credential.h"
#include "auth/json_fields.h"
#include "auth/login_store.h"
#include "auth/run_command.h"
#include "auth/token_retry.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/strings.h"

namespace driveway::auth {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxTokenFile = 64 * 1024;

std::vector<std::string> scopes_of(const nlohmann::json& json) {
  std::vector<std::string> scopes = split_scopes(text_field(json, "scope"));
  if (const auto list = json.find("scopes"); list != json.end() && list->is_array()) {
    for (const nlohmann::json& scope : *list) {
      if (scope.is_string()) scopes.push_back(scope.get<std::string>());
    }
  }
  return scopes;
}

// When it ends; nothing where that is not told. Errors: a time that is none.
Result<std::optional<WallTime>> end_of(const nlohmann::json& json, WallTime written) {
  if (const std::string expiry = text_field(json, "expiry"); !expiry.empty()) {
    DRIVEWAY_TRY(const WallTime end, parse_rfc3339(expiry));
    return std::optional<WallTime>(end);
  }
  const auto seconds = number_field(json, "expires_in");
  if (!seconds) return std::optional<WallTime>();
  return std::optional<WallTime>(written + std::chrono::seconds(std::clamp<std::int64_t>(
                                               *seconds, 0, kLongestLifetime.count())));
}

std::string token_fingerprint(const Secret& token) {
  return hash_hex(HashKind::kSha256, token.reveal()).substr(0, 16);
}

// What the three have in common.
class GivenGrant : public Grant {
 public:
  GivenGrant(TokenInspector inspector, Clock& clock)
      : clock_(clock), inspector_(std::move(inspector)) {}
  Result<TokenAnswer> obtain(const Context& context, int /*attempts*/,
                             std::string& version) override {
    DRIVEWAY_TRY(TokenAnswer answer, read(context, version));
    DRIVEWAY_CHECK(inspector_.complete(context, answer, describe(), remedy()));
    return answer;
  }

 protected:
  virtual Result<TokenAnswer> read(const Context& context, std::string& version) = 0;
  Clock& clock_;

 private:
  TokenInspector inspector_;
};

class TokenFileGrant final : public GivenGrant {
 public:
  TokenFileGrant(fs::path path, TokenInspector inspector, Clock& clock)
      : GivenGrant(std::move(inspector), clock), path_(std::move(path)) {}

  std::string version() const override { return file_version(path_); }
  std::string describe() const override { return cat("token file '", path_.native(), "'"); }
  std::string remedy() const override { return "write a fresh token into it"; }
  std::string fingerprint() override {
    const auto answer = read_file_now();
    return answer.ok() ? token_fingerprint(answer->token.value) : "";
  }
  bool renews() const override { return false; }

 private:
  Result<TokenAnswer> read(const Context& /*context*/, std::string& version) override {
    version = file_version(path_);
    return read_file_now();
  }
  Result<TokenAnswer> read_file_now() {
    struct stat info {};
    if (::stat(path_.c_str(), &info) != 0) {
      return Error{ErrorCode::kLoginNeeded,
                   cat(describe(), ": there is no such file; write a token into it")};
    }
    Result<std::string> text = driveway::read_file(path_, kMaxTokenFile);
    if (!text.ok()) {
      return Error{ErrorCode::kLoginNeeded, cat(text.error().message, "; make it readable")};
    }
    const Secret content(*std::move(text));
    const auto written = std::chrono::seconds(info.st_mtim.tv_sec) +
                         std::chrono::duration_cast<std::chrono::milliseconds>(
                             std::chrono::nanoseconds(info.st_mtim.tv_nsec));
    return read_given_token(content.reveal(), WallTime(written), clock_, describe(), remedy());
  }

  const fs::path path_;
};

class CommandGrant final : public GivenGrant {
 public:
  CommandGrant(std::vector<std::string> words, TokenInspector inspector, Clock& clock)
      : GivenGrant(std::move(inspector), clock), words_(std::move(words)) {}

  std::string version() const override { return ""; }
  std::string describe() const override { return cat("token command ", words_.front()); }
  std::string remedy() const override {
    return "it must print an access token with the scope of Drive";
  }
  std::string fingerprint() override { return ""; }

 private:
  Result<TokenAnswer> read(const Context& context, std::string& version) override {
    version = "";
    const WallTime asked = clock_.wall_now();
    DRIVEWAY_TRY(const Secret printed, run_command(context, clock_, words_));
    return read_given_token(printed.reveal(), asked, clock_, describe(), remedy());
  }

  const std::vector<std::string> words_;
};

class VariableGrant final : public GivenGrant {
 public:
  VariableGrant(Secret token, TokenInspector inspector, Clock& clock)
      : GivenGrant(std::move(inspector), clock), token_(std::move(token)) {}

  std::string version() const override { return ""; }
  std::string describe() const override { return "DRIVEWAY_ACCESS_TOKEN"; }
  std::string remedy() const override {
    return "put a fresh token into it and start driveway again (a program that runs keeps what it "
           "was started with: --with token=FILE or --with command=CMD can be renewed)";
  }
  std::string fingerprint() override { return token_fingerprint(token_); }
  bool renews() const override { return false; }

 private:
  Result<TokenAnswer> read(const Context& /*context*/, std::string& version) override {
    version = "";
    return read_given_token(token_.reveal(), clock_.wall_now(), clock_, describe(), remedy());
  }

  const Secret token_;
};

}  // namespace

Result<TokenAnswer> read_given_token(std::string_view text, WallTime written, const Clock& clock,
                                     std::string_view of, std::string_view remedy) {
  const auto refuse = [&](std::string_view why) {
    return Error{ErrorCode::kLoginNeeded, cat(of, ": ", why, "; ", remedy)};
  };
  TokenAnswer answer;
  answer.lifetime = kUnknownLifetime;
  text = trim(text);
  if (!text.starts_with('{')) {
    answer.token.value = Secret(std::string(text));
  } else {
    const auto json = parse_object(text);
    if (!json) return refuse("what it holds is not JSON");
    std::string token = text_field(*json, "access_token");
    if (token.empty()) token = text_field(*json, "token");  // google-auth's word
    answer.token.value = Secret(std::move(token));
    answer.token.scopes = scopes_of(*json);
    const auto end = end_of(*json, written);
    if (!end.ok()) return refuse("its expiry is not a time such as 2026-11-21T03:04:05Z");
    if (*end) {
      const auto left = **end - clock.wall_now();
      if (left <= std::chrono::seconds(0)) {
        return refuse(cat("its token has expired at ", format_rfc3339(**end)));
      }
      answer.lives_for(std::chrono::duration_cast<std::chrono::seconds>(left), clock.now());
    }
  }
  if (answer.token.value.empty()) return refuse("it holds no token");
  if (!is_header_text(answer.token.value.reveal())) {
    return refuse("what it holds is not a token (nor JSON with one)");
  }
  return answer;
}

std::unique_ptr<Grant> make_token_file_grant(fs::path path, TokenInspector inspector,
                                             Clock& clock) {
  struct stat info {};
  if (::stat(path.c_str(), &info) == 0 && (info.st_mode & 077) != 0) {
    log::warn("'", path.native(), "' is open to other users; chmod 600 it");
  }
  return std::make_unique<TokenFileGrant>(std::move(path), std::move(inspector), clock);
}

std::unique_ptr<Grant> make_command_grant(std::vector<std::string> words, TokenInspector inspector,
                                          Clock& clock) {
  return std::make_unique<CommandGrant>(std::move(words), std::move(inspector), clock);
}

std::unique_ptr<Grant> make_variable_grant(Secret token, TokenInspector inspector, Clock& clock) {
  return std::make_unique<VariableGrant>(std::move(token), std::move(inspector), clock);
}

}  // namespace driveway::auth
