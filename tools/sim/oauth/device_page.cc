// The page of the device flow (oauth-headless reference 4), for a test's browser or a person's.
#include "base/strings.h"
#include "sim/oauth/endpoints.h"

namespace driveway::sim {

namespace {

OauthAnswer page(int status, std::string_view title, std::string_view content) {
  OauthAnswer answer;
  answer.status = status;
  answer.content_type = "text/html; charset=utf-8";
  answer.body = cat("<!DOCTYPE html>\n<html lang=\"en\"><head><title>", title,
                    "</title></head>\n<body><h1>", title, "</h1>\n", content, "</body></html>\n");
  return answer;
}

}  // namespace

OauthAnswer device_page(TokenBook& book, const OauthRequest& request) {
  constexpr std::string_view kForm =
      "<form action=\"/device\"><input name=\"user_code\" placeholder=\"Code\">"
      "<button>Next</button></form>\n";
  const std::string code = request.value("user_code");
  if (code.empty()) return page(200, "Connect a device", kForm);
  if (!book.approve_device(code, book.choose_account(request.value("login_hint")))) {
    return page(404, "Invalid code", kForm);
  }
  return page(200, "Device connected", "<p>You may close this page.</p>\n");
}

}  // namespace driveway::sim
