// The pages and endpoints behind OauthSim, each a function from a request to an answer.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "sim/net/service.h"
#include "sim/oauth/token_book.h"

namespace driveway::sim {

struct OauthAnswer {
  int status = 200;
  std::string body;
  std::string content_type = "application/json; charset=utf-8";
  NameValues headers;

  // {"error":…, "error_description":…}, Google's OAuth envelope (oauth-headless reference 1).
  static OauthAnswer error(int status, std::string_view error, std::string_view description);
};

struct OauthRequest {
  const RequestHead& head;
  NameValues form;  // of the body; empty unless it is a form
  std::string_view body{};

  // From the form, else from the query; "" if absent. The first one counts.
  std::string value(std::string_view name) const;
};
// name=value&… as forms are encoded.
NameValues parse_form(std::string_view text);

// The consent page: agrees at once, in the name of the account that login_hint names (else the
// first), to the scopes that OauthConfig::denied_scopes does not take away. 302 to the redirect
// URI; the page's text has the address too, for a person without a browser. Else an error page.
OauthAnswer consent_page(TokenBook& book, const OauthRequest& request);

// The four grants (2, 4, 5, 7).
OauthAnswer token_endpoint(TokenBook& book, const OauthRequest& request);
// A signed assertion of a service account (7), one of the four.
OauthAnswer jwt_bearer(TokenBook& book, const OauthRequest& request);
OauthAnswer device_code_endpoint(TokenBook& book, const OauthRequest& request);  // (4)
// Where a user types the code, as ?user_code=: it agrees at once, as the consent page does, in the
// name of login_hint's account (else the first). Without a code it asks for one.
OauthAnswer device_page(TokenBook& book, const OauthRequest& request);

// STS: the token of a workload identity for one of Google's (8, external_account). The identity's
// token is a JWT that OauthConfig::identity_provider_key has signed. What it gives is good for
// generate_access_token() alone: Drive takes no federated tokens.
OauthAnswer token_exchange(TokenBook& book, const OauthRequest& request);
// IAM's …/serviceAccounts/EMAIL:generateAccessToken (8, impersonated_service_account), for those
// that OauthConfig::token_creators names.
OauthAnswer generate_access_token(TokenBook& book, const OauthRequest& request);
inline constexpr std::string_view kServiceAccountsPath = "/v1/projects/-/serviceAccounts/";
// Of an identity that is not Google's: principal://iam.googleapis.com/POOL/subject/SUBJECT.
inline constexpr std::string_view kPrincipal = "principal://";

OauthAnswer revoke_endpoint(TokenBook& book, const OauthRequest& request);  // (11)
OauthAnswer token_info(TokenBook& book, const OauthRequest& request);       // (11)
OauthAnswer user_info(TokenBook& book, const OauthRequest& request);
OauthAnswer openid_configuration(const OauthRequest& request);

// Who asks: the client of client_id and client_secret, from the form or from HTTP Basic; or the
// answer that refuses it.
struct ClientOrAnswer {
  std::optional<OauthClient> client;
  OauthAnswer refusal;
};
ClientOrAnswer authenticate_client(const TokenBook& book, const OauthRequest& request);

// A decimal number that stands for an account, as Google's "sub" does; stable.
std::string subject_of(std::string_view account);

}  // namespace driveway::sim
