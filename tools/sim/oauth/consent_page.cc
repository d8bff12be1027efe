// The consent page, which agrees by itself (oauth-headless reference 2, 3).
#include "base/strings.h"
#include "sim/lang/xml_text.h"
#include "sim/oauth/endpoints.h"
#include "sim/oauth/scopes.h"

namespace driveway::sim {

namespace {

OauthAnswer html(int status, std::string_view title, std::string_view content) {
  OauthAnswer answer;
  answer.status = status;
  answer.content_type = "text/html; charset=utf-8";
  answer.body = cat("<!DOCTYPE html>\n<html lang=\"en\"><head><title>", title,
                    "</title></head>\n<body>", content, "</body></html>\n");
  return answer;
}

OauthAnswer blocked(int status, std::string_view error, std::string_view why) {
  return html(status, cat("Error ", status, ": ", error),
              cat("<h1>Access blocked: Authorization Error</h1>\n<p>", escape_xml(why),
                  "</p>\n<p>Error ", status, ": ", error, "</p>\n"));
}

OauthAnswer out_of_band() {
  return html(400, "Error 400: invalid_request",
              "<h1>Access blocked: this app's request is invalid</h1>\n<p>The out-of-band (OOB) "
              "flow has been blocked in order to keep users secure. Follow the Out-of-Band (OOB) "
              "flow Migration Guide linked in the developer docs to migrate your app to an "
              "alternative method.</p>\n<p>Error 400: invalid_request</p>\n");
}

// The parameters go behind a "?" that the redirect URI may have already.
OauthAnswer redirect(std::string_view uri, const NameValues& parameters, std::string_view title) {
  std::string target(uri);
  char separator = uri.find('?') == std::string_view::npos ? '?' : '&';
  for (const auto& [name, value] : parameters) {
    if (value.empty()) continue;
    target += cat(separator, name, "=", percent_encode(value));
    separator = '&';
  }
  OauthAnswer answer = html(302, title,
                            cat("<h1>", title,
                                "</h1>\n<p>If your browser cannot open this "
                                "address, paste it into the program that asked:</p>\n<p><a href=\"",
                                escape_xml(target), "\">", escape_xml(target), "</a></p>\n"));
  answer.headers.emplace_back("Location", target);
  return answer;
}

bool is_challenge(std::string_view text) {
  if (text.size() < 43 || text.size() > 128) return false;
  return text.find_first_not_of(
             "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~") ==
         std::string_view::npos;
}

// What is wrong with the request, apart from its client; nothing if all is well.
std::optional<OauthAnswer> refusal_of(const OauthClient& client, const OauthRequest& request) {
  const std::string redirect_uri = request.value("redirect_uri");
  if (redirect_uri.empty()) {
    return blocked(400, "invalid_request", "Missing required parameter: redirect_uri");
  }
  if (is_out_of_band(redirect_uri)) return out_of_band();
  if (!client.allows_redirect(redirect_uri)) {
    return blocked(
        400, "redirect_uri_mismatch",
        cat("The redirect_uri of this request does not fit this client: ", redirect_uri));
  }
  if (request.value("response_type") != "code") {
    return blocked(400, "invalid_request", "Required parameter is missing: response_type");
  }
  const std::vector<std::string> scopes = scope_list(request.value("scope"));
  if (scopes.empty()) {
    return blocked(400, "invalid_request", "Missing required parameter: scope");
  }
  for (const std::string& scope : scopes) {
    if (is_known_scope(scope)) continue;
    return blocked(400, "invalid_scope",
                   cat("Some requested scopes were invalid. {invalid=[", scope, "]}"));
  }
  const std::string method = request.value("code_challenge_method");
  const std::string challenge = request.value("code_challenge");
  if (!method.empty() && method != "S256" && method != "plain") {
    return blocked(400, "invalid_request", "Invalid code_challenge_method");
  }
  if (challenge.empty() ? !method.empty() : !is_challenge(challenge)) {
    return blocked(400, "invalid_request", "Invalid code_challenge");
  }
  return std::nullopt;
}

// Installed clients always get a refresh token; web clients if they ask for offline access, and
// then only with the first consent or with prompt=consent (2).
bool gets_refresh_token(const TokenBook& book, const OauthClient& client,
                        const std::string& account, const OauthRequest& request) {
  if (client.type != OauthClient::Type::kWeb) return true;
  if (request.value("access_type") != "offline") return false;
  return request.value("prompt").find("consent") != std::string::npos ||
         !book.has_consent(account, client.id);
}

}  // namespace

OauthAnswer consent_page(TokenBook& book, const OauthRequest& request) {
  const std::string client_id = request.value("client_id");
  if (client_id.empty()) {
    return blocked(400, "invalid_request", "Missing required parameter: client_id");
  }
  const auto client = book.client(client_id);
  if (!client) return blocked(401, "invalid_client", "The OAuth client was not found.");
  if (auto refusal = refusal_of(*client, request)) return *std::move(refusal);

  const OauthConfig config = book.config()->oauth;
  const std::string redirect_uri = request.value("redirect_uri");
  const std::string state = request.value("state");
  const std::string scopes = join_scopes(scope_list(request.value("scope")));
  AuthCode code;
  code.grant.scopes = scopes_without(scopes, config.denied_scopes);
  code.grant.account = book.choose_account(request.value("login_hint"));
  if (config.deny_consent || code.grant.scopes.empty() || code.grant.account.empty()) {
    return redirect(redirect_uri, {{"error", "access_denied"}, {"state", state}},
                    "Access was denied");
  }
  code.grant.client_id = client->id;
  code.grant.project = client->project;
  code.grant.offline = gets_refresh_token(book, *client, code.grant.account, request);
  code.redirect_uri = redirect_uri;
  code.challenge = request.value("code_challenge");
  code.plain_challenge = request.value("code_challenge_method") != "S256";
  const std::string granted = code.grant.scopes;
  return redirect(redirect_uri,
                  {{"state", state},
                   {"iss", "https://accounts.google.com"},
                   {"code", book.issue_code(std::move(code))},
                   {"scope", granted},
                   {"authuser", "0"},
                   {"prompt", "consent"}},
                  "Access was granted");
}

}  // namespace driveway::sim
