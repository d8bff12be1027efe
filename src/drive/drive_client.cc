#include "drive/drive_client.h"

#include <utility>

#include "auth/credential.h"
#include "base/strings.h"
#include "drive/errors.h"

namespace driveway::drive {
namespace {

constexpr std::size_t kMostKeys = 20'000;
constexpr int kMostRedirects = 3;
constexpr Bytes kLongestRefusal = 4 * kMiB;

std::string_view header_or_empty(const http::Response& response, std::string_view name) {
  const std::string* const value = response.header(name);
  return value == nullptr ? std::string_view() : std::string_view(*value);
}

// "https://host:port" of a URL.
std::string_view origin_of(std::string_view url) {
  const auto scheme = url.find("://");
  if (scheme == std::string_view::npos) return {};
  return url.substr(0, url.find_first_of("/?#", scheme + 3));
}

bool is_redirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

// Remembers why a body could not be read: that is told apart from what happens to the network.
class WatchedBody final : public http::UploadBody {
 public:
  explicit WatchedBody(http::UploadBody& body) : body_(body) {}
  Bytes size() const override { return body_.size(); }
  Status read(Bytes offset, std::span<std::byte> buffer) override {
    Status status = body_.read(offset, buffer);
    if (!status.ok()) failure = status.error();
    return status;
  }
  std::optional<Error> failure;

 private:
  http::UploadBody& body_;
};

// Of one call. A fresh token may have ended by the time it gets to Drive; a login that has ended
// shows when the token is refreshed.
constexpr int kMostTokens = 3;

// Drive commits an upload between its last byte and the answer, and takes its time for a large one.
constexpr Duration kUploadIdle = std::chrono::seconds(60);

}  // namespace

void ResourceKeys::add(const FileId& id, const std::string& key) {
  if (id.empty() || key.empty()) return;
  const std::lock_guard lock(mutex_);
  if (keys_.size() >= kMostKeys && !keys_.contains(id)) return;
  keys_[id] = key;
}

void ResourceKeys::learn(const Item& item) {
  add(item.id, item.resource_key);
  if (item.shortcut) add(item.shortcut->target, item.shortcut->target_resource_key);
}

std::string ResourceKeys::header_for(const std::vector<FileId>& ids) const {
  std::string value;
  const std::lock_guard lock(mutex_);
  if (keys_.empty()) return value;
  for (const FileId& id : ids) {
    const auto found = keys_.find(id);
    if (found == keys_.end()) continue;
    if (!value.empty()) value += ',';
    value += cat(id, "/", found->second);
  }
  return value;
}

http::Request DriveClient::request_for(const std::string& path, const Parameters& parameters,
                                       const std::vector<FileId>& about) const {
  http::Request request;
  request.url = url_for(kApi, path, parameters);
  if (auto keys = keys_.header_for(about); !keys.empty()) {
    request.headers.emplace_back("X-Goog-Drive-Resource-Keys", std::move(keys));
  }
  return request;
}

std::string DriveClient::url_for(std::string_view base, const std::string& path,
                                 const Parameters& parameters) const {
  return cat(api_url_, "/", base, "/", path, "?", http::encode_query(parameters));
}

Error DriveClient::refused(const http::Response& response, std::string_view what) const {
  Error error = error_of({response.status, header_or_empty(response, "content-type"), response.body,
                          header_or_empty(response, "retry-after")},
                         what, clock_.wall_now());
  if (error.code == ErrorCode::kLoginNeeded && response.status != 403) {  // which says what to do
    error.message += cat("; Drive does not accept ", tokens_.describe(), ": ", tokens_.remedy());
  }
  return error;
}

Result<http::Response> DriveClient::send(
    const Context& context, const http::Request& request,
    const std::function<Result<http::Response>(http::Request)>& exchange) {
  for (int tries = 1;; ++tries) {
    DRIVEWAY_TRY(const auth::AccessToken token, tokens_.token(context));
    http::Request authorised = request;
    authorised.bearer = token.value;
    if (!token.quota_project.empty()) {
      authorised.headers.emplace_back("X-Goog-User-Project", token.quota_project);
    }
    auto response = exchange(std::move(authorised));
    if (!response.ok() || response->status != 401) return response;
    tokens_.refused(token);
    if (tries == kMostTokens) return response;
  }
}

Result<std::string> DriveClient::get_json(const Context& context, const std::string& path,
                                          const Parameters& parameters, std::string_view what,
                                          const std::vector<FileId>& about) {
  http::Request request = request_for(path, parameters, about);
  request.accept_gzip = true;
  auto sent = send(context, request, [&](http::Request authorised) {
    return http_.fetch(context, std::move(authorised));
  });
  if (!sent.ok()) return wrap(std::move(sent).error(), std::string(what));
  return json_of(*std::move(sent), what);
}

Result<std::string> DriveClient::json_of(http::Response response, std::string_view what) const {
  if (response.status != 200 && response.status != 201) return refused(response, what);
  if (!header_or_empty(response, "content-type").starts_with("application/json")) {
    return Error{ErrorCode::kUnavailable,
                 cat(what, ": the answer is not Drive's (a login page of the network?)"), true};
  }
  return std::move(response.body);
}

Result<http::Response> DriveClient::exchange(const Context& context, const EditRequest& request,
                                             std::string_view what) {
  http::Request sent;
  sent.method = request.method;
  sent.url = request.url;
  sent.headers = request.headers;
  if (auto keys = keys_.header_for(request.about); !keys.empty()) {
    sent.headers.emplace_back("X-Goog-Drive-Resource-Keys", std::move(keys));
  }
  sent.repeatable = request.repeatable;
  if (request.content == nullptr) {
    sent.body = request.body;
    sent.accept_gzip = true;
    auto answer = send(context, sent, [&](http::Request authorised) {
      return http_.fetch(context, std::move(authorised));
    });
    if (!answer.ok()) return wrap(std::move(answer).error(), std::string(what));
    return answer;
  }
  sent.pool = http::Pool::kMedia;
  sent.idle_timeout = kUploadIdle;
  WatchedBody body(*request.content);
  auto answer = send(context, sent, [&](http::Request authorised) {
    return http_.fetch_from(context, std::move(authorised), body);
  });
  if (body.failure) return *std::move(body.failure);
  if (!answer.ok()) return wrap(std::move(answer).error(), std::string(what));
  return answer;
}

Status DriveClient::get_media(const Context& context, const std::string& path,
                              const Parameters& parameters, const http::Headers& headers,
                              std::string_view what, const std::vector<FileId>& about,
                              const std::function<void(const http::Response& head)>& on_head,
                              ByteSink& sink) {
  http::Request request = request_for(path, parameters, about);
  request.pool = http::Pool::kMedia;
  request.max_body = kLongestRefusal;
  request.headers.insert(request.headers.end(), headers.begin(), headers.end());
  const auto exchange = [&](http::Request each) {
    return http_.fetch_to(
        context, std::move(each),
        [&](const http::Response& head) {
          if (head.status != 200 && head.status != 206) return false;
          on_head(head);
          return true;
        },
        sink);
  };
  const auto home = std::string(origin_of(request.url));
  for (int hops = 0; hops <= kMostRedirects; ++hops) {
    const bool at_home = origin_of(request.url) == home;
    auto sent = at_home ? send(context, request, exchange) : exchange(request);
    if (!sent.ok()) return wrap(std::move(sent).error(), std::string(what));
    if (sent->status == 200 || sent->status == 206) return {};
    const std::string* const location = sent->header("location");
    if (!is_redirect(sent->status) || location == nullptr) return refused(*sent, what);
    if (origin_of(*location) != home && !location->starts_with("https://")) {
      return refused(*sent, what);
    }
    request.url = *location;
    if (origin_of(request.url) != home) {
      std::erase_if(request.headers, [](const auto& header) {
        return header.first == "X-Goog-Drive-Resource-Keys";
      });
    }
  }
  return Error{ErrorCode::kUnavailable, cat(what, ": redirected too often"), true};
}

bool DriveClient::sees_own_files_only(const Context& context) {
  const auto token = tokens_.token(context);
  return token.ok() && !token->scopes.empty() && !auth::allows_drive(token->scopes);
}

}  // namespace driveway::drive
