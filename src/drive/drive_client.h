// Authorised requests to Drive and what their answers mean, without what they are about: the lower
// half of DriveStore. Private to drive/. Thread-safe.
#pragma once

#include <functional>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "auth/token_source.h"
#include "base/clock.h"
#include "base/context.h"
#include "base/ids.h"
#include "base/result.h"
#include "drive/item.h"
#include "drive/query.h"
#include "http/http_client.h"

namespace driveway::drive {

// The keys that Drive gave for items shared by link before 2021; each request about such an item
// must carry its key (reference 2). Thread-safe.
class ResourceKeys {
 public:
  // Remembers the keys of `item` and of its shortcut's target.
  void learn(const Item& item);
  // The value of X-Goog-Drive-Resource-Keys for a request about `ids`; empty if none has a key.
  std::string header_for(const std::vector<FileId>& ids) const;

 private:
  void add(const FileId& id, const std::string& key);
  mutable std::mutex mutex_;
  std::unordered_map<FileId, std::string> keys_;
};

// A request that changes something, or asks how an upload stands.
struct EditRequest {
  std::string method = "POST";
  std::string url{};  // of url_for(), or a session's: of the API's own host
  http::Headers headers{};
  std::string body{};
  http::UploadBody* content = nullptr;  // instead of `body`, read on the calling thread
  std::vector<FileId> about{};          // whose resource keys are sent
  bool repeatable = true;               // false: Drive must not see it twice
};

class DriveClient {
 public:
  DriveClient(http::HttpClient& http, auth::TokenSource& tokens, Clock& clock, std::string api_url)
      : http_(http), tokens_(tokens), clock_(clock), api_url_(std::move(api_url)) {}

  // The JSON body of GET api_url/drive/v3/PATH?PARAMETERS. `what` begins error messages; `about`
  // are the items whose resource keys are sent.
  Result<std::string> get_json(const Context& context, const std::string& path,
                               const Parameters& parameters, std::string_view what,
                               const std::vector<FileId>& about = {});

  // Bytes. `on_head` sees the head of each 200 or 206, before `sink` sees its body. Redirects are
  // followed, without the token where they lead to another host (reference 4).
  Status get_media(const Context& context, const std::string& path, const Parameters& parameters,
                   const http::Headers& headers, std::string_view what,
                   const std::vector<FileId>& about,
                   const std::function<void(const http::Response& head)>& on_head, ByteSink& sink);

  // Whatever Drive answers, of any status. An error of `request.content` is returned as it is.
  Result<http::Response> exchange(const Context& context, const EditRequest& request,
                                  std::string_view what);
  // "API_URL/BASE/PATH?PARAMETERS"; BASE is kApi or kUploads.
  static constexpr std::string_view kApi = "drive/v3";
  static constexpr std::string_view kUploads = "upload/drive/v3";
  std::string url_for(std::string_view base, const std::string& path,
                      const Parameters& parameters) const;
  // What an answer that is no success means.
  Error refused(const http::Response& response, std::string_view what) const;
  // The body of a success, if it is Drive's.
  Result<std::string> json_of(http::Response response, std::string_view what) const;

  // Whether the login is one of the scope drive.file, which sees only what its OAuth client made.
  bool sees_own_files_only(const Context& context);

  const std::string& api_url() const { return api_url_; }
  ResourceKeys& keys() { return keys_; }

 private:
  // Sends with a token; a 401 once more with a fresh one.
  Result<http::Response> send(const Context& context, const http::Request& request,
                              const std::function<Result<http::Response>(http::Request)>& exchange);
  http::Request request_for(const std::string& path, const Parameters& parameters,
                            const std::vector<FileId>& about) const;

  http::HttpClient& http_;
  auth::TokenSource& tokens_;
  Clock& clock_;
  const std::string api_url_;
  ResourceKeys keys_;
};

}  // namespace driveway::drive
