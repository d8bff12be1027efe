#include "http/curl_errors.h"

#include "base/log.h"
#include "base/strings.h"

namespace driveway::http {

namespace {

struct Meaning {
  ErrorCode code;
  bool retryable;
  bool detail_is_safe;  // libcurl's text of this code names hosts and numbers only
};

Meaning meaning_of(CURLcode code) {
  switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_PARTIAL_FILE:
    case CURLE_GOT_NOTHING:
    case CURLE_OPERATION_TIMEDOUT:
      return {ErrorCode::kUnavailable, true, true};
    // Their texts may quote a proxy variable, which may hold a password.
    case CURLE_COULDNT_CONNECT:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_PROXY:
    case CURLE_SEND_FAIL_REWIND:
    case CURLE_AGAIN:
    case CURLE_NO_CONNECTION_AVAILABLE:
      return {ErrorCode::kUnavailable, true, false};
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_INVALIDCERTSTATUS:
      return {ErrorCode::kCorrupt, false, true};
    // Not understood: a broken server or a cut gzip stream; asked again it may be whole.
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_UNSUPPORTED_PROTOCOL:  // an answer without a status line; schemes are checked before
    case CURLE_BAD_CONTENT_ENCODING:
      return {ErrorCode::kCorrupt, true, true};
    case CURLE_URL_MALFORMAT:
    case CURLE_LOGIN_DENIED:  // user and password in the URL
      return {ErrorCode::kInvalidArgument, false, false};
    default:
      return {ErrorCode::kInternal, false, false};
  }
}

}  // namespace

Error transfer_error(CURLcode code, std::string_view request, std::string_view detail,
                     std::string_view roots) {
  const Meaning meaning = meaning_of(code);
  std::string message = cat(request, ": ");
  if (meaning.detail_is_safe && !detail.empty()) {
    message += log::redact(detail);
  } else {
    message += curl_easy_strerror(code);
  }
  if (code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE) {
    // OpenSSL's words, which libcurl passes on.
    const bool by_time = detail.find("certificate has expired") != std::string_view::npos ||
                         detail.find("certificate is not yet valid") != std::string_view::npos;
    message += by_time ? " (is this machine's clock right? See `date`, and set it)"
                       : cat(" (trusted: ", roots, "; set SSL_CERT_FILE to trust another CA)");
  }
  return Error{meaning.code, std::move(message), meaning.retryable};
}

}  // namespace driveway::http
