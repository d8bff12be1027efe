// The metadata server of a Google VM (oauth-headless reference 9, 10): tokens without a login.
// Everything below /computeMetadata/v1/, and "/" for the ping of Google's libraries, both only with
// "Metadata-Flavor: Google" and without X-Forwarded-For (else 403). Answers carry the header too.
#pragma once

#include <mutex>
#include <optional>
#include <string>

#include "sim/net/service.h"
#include "sim/oauth/token_book.h"

namespace driveway::sim {

// Thread-safe. Tokens are the first account's, with OauthConfig::metadata_scopes (narrowed by
// ?scopes=a,b). The same one is given until 5 minutes before its end. The first
// OauthConfig::metadata_404_count requests below service-accounts/ answer 404, as before a user's
// consent: Google's libraries ask for the account's description before they ask for a token.
class MetadataSim final : public Service {
 public:
  explicit MetadataSim(TokenBook& book) : book_(book) {}  // REQUIRES: lives longer
  std::optional<CallInfo> classify(const RequestHead& head) override;
  void serve(const RequestHead& head, const CallInfo& info, BodyReader& body,
             Responder& responder) override;

 private:
  struct Cached {
    std::string token;
    std::string scopes;
  };
  void answer_token(const RequestHead& head, const std::string& account, Responder& responder);
  bool has_consent();

  TokenBook& book_;
  std::mutex mutex_;
  std::vector<Cached> cached_;
  int configured_404s_ = 0;  // what `remaining_404s_` began with
  int remaining_404s_ = 0;
};

}  // namespace driveway::sim
